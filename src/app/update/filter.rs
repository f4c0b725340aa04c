//! The rows of the table: all orders, or those that the filter finds. It searches all orders once, and then only those that
//! change, so a frame costs the same with and without it.

use crate::{
    app::{
        derive::words::{stage_word, verdict_word},
        orders::{Orders, Slot, execution::Execution},
    },
    domain::RetryWaits,
};

/// The orders to show, newest first.
#[derive(Debug)]
pub enum Rows<'a> {
    /// All orders.
    All(&'a Orders),
    /// The orders that the filter finds.
    Found(&'a Orders, &'a [Slot]),
}

impl<'a> Rows<'a> {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::All(orders) => orders.len(),
            Self::Found(_, slots) => slots.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slot of the row at `position`.
    #[must_use]
    pub fn at(&self, position: usize) -> Option<Slot> {
        match self {
            Self::All(orders) => orders.at(position),
            Self::Found(_, slots) => slots.get(position).copied(),
        }
    }

    /// The position of an order.
    #[must_use]
    pub fn position(&self, slot: Slot) -> Option<usize> {
        match self {
            Self::All(orders) => orders.position(slot),
            Self::Found(_, slots) => slots.iter().position(|found| *found == slot),
        }
    }

    /// At most `most` rows, beginning at position `from`.
    #[must_use]
    pub fn page(&self, from: usize, most: usize) -> Vec<&'a Execution> {
        match self {
            Self::All(orders) => orders.newest_first(from).take(most).map(|(_, order)| order).collect(),
            Self::Found(orders, slots) => {
                slots.iter().skip(from).take(most).filter_map(|slot| orders.get(*slot)).collect()
            }
        }
    }
}

/// If more orders change at once, a search through all of them is faster.
const MAX_SINGLE_UPDATES: usize = 32;

/// The text that orders are filtered by, and the orders that it finds. An empty text finds all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    text: String,
    /// In lower case.
    words: Vec<String>,
    /// Newest first.
    found: Vec<Slot>,
}

impl Filter {
    /// A filter that has not searched yet.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let words = text.split_whitespace().map(str::to_lowercase).collect();
        Self { text: text.to_owned(), words, found: Vec::new() }
    }

    /// The text as it was typed; empty if all orders are shown.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The orders to show.
    #[must_use]
    pub fn rows<'a>(&'a self, orders: &'a Orders) -> Rows<'a> {
        if self.text.is_empty() { Rows::All(orders) } else { Rows::Found(orders, &self.found) }
    }

    /// Looks at all orders.
    pub fn search(&mut self, orders: &Orders, waits: &RetryWaits) {
        let fitting = orders.newest_first(0).filter(|(_, order)| self.fits(order, waits)).map(|(slot, _)| slot);
        self.found = fitting.collect();
    }

    /// Looks at the orders that have changed since the last call.
    pub fn update(&mut self, orders: &mut Orders, waits: &RetryWaits) {
        let mut changed = orders.take_changed();
        changed.sort_unstable();
        changed.dedup();
        if changed.len() > MAX_SINGLE_UPDATES {
            return self.search(orders, waits);
        }
        // Remove all of them first: the others are in order, and can be searched.
        self.found.retain(|slot| !changed.contains(slot));
        for slot in changed {
            if orders.get(slot).is_some_and(|order| self.fits(order, waits)) {
                let position = orders.position(slot);
                let index = self.found.partition_point(|found| orders.position(*found) < position);
                self.found.insert(index, slot);
            }
        }
    }

    /// Whether every word is in what the table shows of the order, or in its workflow id.
    #[must_use]
    pub fn fits(&self, order: &Execution, waits: &RetryWaits) -> bool {
        let names = [order.order.to_lowercase(), order.workflow.to_lowercase()];
        let state = || {
            let verdict = verdict_word(order.verdict()).to_lowercase();
            let open = if order.is_over() { "" } else { "open" };
            [stage_word(order.stage(waits)).to_owned(), verdict, open.to_owned()]
        };
        let mut wanted = self.words.iter();
        wanted
            .all(|word| names.iter().any(|name| name.contains(word)) || state().iter().any(|text| text.contains(word)))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        app::{
            Intent, Message,
            testing::fixture::{Scene, UPDATE},
        },
        domain::OrderOutcome,
        store::News,
    };

    #[test]
    fn a_filter_finds_orders_by_id_state_and_verdict() {
        let mut scene = Scene::mid_retry();
        let found = |scene: &mut Scene, text: &str| {
            scene.app.filter_by(text);
            scene.app.rows().len()
        };
        for (text, rows) in [("a12", 1), ("A1 retry", 1), ("open", 1), ("confirmed", 1), ("completed", 0), ("b", 0)] {
            assert_eq!(found(&mut scene, text), rows, "{text}");
        }
        let mut wrong = Scene::wrong();
        assert_eq!(found(&mut wrong, "twice completed"), 1);
    }

    #[test]
    fn filter_results_follow_changes() {
        let mut scene = Scene::new();
        let names = |scene: &Scene| {
            let rows = scene.app.rows();
            rows.page(0, 100).iter().map(|order| order.workflow.clone()).collect::<Vec<_>>()
        };
        scene.app.filter_by("open x-");
        for number in 0..60_u64 {
            (scene.workflow, scene.run) = (format!("x-{number}"), format!("r{number}"));
            scene.now += 1;
            scene.started(UPDATE, 1);
            if number % 3 == 0 {
                scene.ended(OrderOutcome::Applied);
            }
            let open = (0..=number).rev().filter(|number| number % 3 != 0);
            assert_eq!(names(&scene), open.map(|number| format!("x-{number}")).collect::<Vec<_>>());
        }
        let first = scene.app.rows().at(0);
        assert_eq!(scene.app.rows().position(first.unwrap()), Some(0));
        // Two orders by turns, taken in at once.
        let before = names(&scene);
        scene.press(Intent::Freeze);
        for (attempt, number) in [(2, 58), (2, 59), (3, 58), (3, 59)] {
            (scene.workflow, scene.run) = (format!("x-{number}"), format!("r{number}"));
            scene.started(UPDATE, attempt);
        }
        scene.press(Intent::Freeze);
        assert_eq!(names(&scene), before);
        // All at once: the journal is read again, up to its first half.
        let records = scene.records[..31].to_vec();
        scene.tell(Message::Journal(News { restarted: true, records, ..News::default() }));
        let found = names(&scene);
        assert_eq!(found.len(), 30);
        scene.app.filter_by("open x-");
        assert_eq!(names(&scene), found);
    }
}
