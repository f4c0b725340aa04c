//! The rows of the table: all orders, or those that the filter finds. It looks at each order when it is set, and from then
//! on at those that change: a frame costs the same with it and without.

use crate::app::{App, Execution, Orders, Slot, stage_word, verdict_word};

/// The orders to show, newest first.
#[derive(Debug)]
pub enum Rows<'a> {
    All(&'a Orders),
    Found(&'a Orders, &'a [Slot]),
}

impl<'a> Rows<'a> {
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::All(orders) => orders.len(),
            Self::Found(_, slots) => slots.len(),
        }
    }

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

    #[must_use]
    pub fn position(&self, slot: Slot) -> Option<usize> {
        match self {
            Self::All(orders) => orders.position(slot),
            Self::Found(_, slots) => slots.iter().position(|found| *found == slot),
        }
    }

    /// At most `most` rows, from the one at position `from` on.
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

/// Of more orders that change at once, looking at all is quicker.
const FEW: usize = 32;

/// What the orders are filtered by; without a text, all are shown.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub(in crate::app) text: String,
    /// In lower case.
    words: Vec<String>,
    /// Newest first.
    found: Vec<Slot>,
}

impl App {
    /// The orders to show.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        if self.filter.text.is_empty() {
            Rows::All(&self.orders)
        } else {
            Rows::Found(&self.orders, &self.filter.found)
        }
    }

    /// Shows only the orders that `text` finds; all of them where it is empty.
    pub(in crate::app) fn filter_by(&mut self, text: &str) {
        let words = text.split_whitespace().map(str::to_lowercase).collect();
        self.filter = Filter { text: text.to_owned(), words, found: Vec::new() };
        self.orders.follow(!text.is_empty());
        self.look_at_all();
    }

    fn look_at_all(&mut self) {
        let fitting = self.orders.newest_first(0).filter(|(_, order)| self.fits(order)).map(|(slot, _)| slot);
        self.filter.found = fitting.collect();
    }

    /// Looks at the orders that have changed. To be called after every message.
    pub(in crate::app) fn filter_changed(&mut self) {
        let mut changed = self.orders.take_changed();
        changed.sort_unstable();
        changed.dedup();
        if changed.len() > FEW {
            return self.look_at_all();
        }
        // All of them first: what stays is in its order then, and can be searched.
        self.filter.found.retain(|slot| !changed.contains(slot));
        for slot in changed {
            if self.orders.get(slot).is_some_and(|order| self.fits(order)) {
                let position = self.orders.position(slot);
                let index = self.filter.found.partition_point(|found| self.orders.position(*found) < position);
                self.filter.found.insert(index, slot);
            }
        }
    }

    /// Whether every word is in what the table shows of the order, or in its workflow id.
    pub(in crate::app) fn fits(&self, order: &Execution) -> bool {
        let names = [order.order.to_lowercase(), order.workflow.to_lowercase()];
        let state = || {
            let verdict = verdict_word(order.verdict()).to_lowercase();
            let open = if order.is_over() { "" } else { "open" };
            [stage_word(self.stage(order)).to_owned(), verdict, open.to_owned()]
        };
        let mut wanted = self.filter.words.iter();
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
    fn words_find_orders_by_id_state_and_verdict() {
        let mut scene = Scene::mid_retry();
        let found = |scene: &mut Scene, text: &str| {
            scene.app.filter_by(text);
            scene.app.rows().len()
        };
        for (text, rows) in [("a12", 1), ("A1 retry", 1), ("open", 1), ("unconfirmed", 1), ("completed", 0), ("b", 0)] {
            assert_eq!(found(&mut scene, text), rows, "{text}");
        }
        let mut wrong = Scene::wrong();
        assert_eq!(found(&mut wrong, "twice completed"), 1);
    }

    #[test]
    fn what_is_found_follows_what_happens() {
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
        // All at once: the journal begins anew with its first half.
        let records = scene.records[..31].to_vec();
        scene.tell(Message::Journal(News { restarted: true, records, more: false }));
        let found = names(&scene);
        assert_eq!(found.len(), 30);
        scene.app.filter_by("open x-");
        assert_eq!(names(&scene), found);
    }
}
