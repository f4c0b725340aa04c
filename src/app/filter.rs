//! The rows of the table: all orders, or those that the filter finds. Nothing is stored; a filter looks at each order.

use super::{App, Execution, Orders, Slot, stage_word, verdict_word};

/// The orders to show, newest first.
#[derive(Debug)]
pub enum Rows<'a> {
    All(&'a Orders),
    Found(&'a Orders, Vec<Slot>),
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

impl App {
    /// The orders to show. A filter costs a look at each order, so ask once per frame or key.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        let orders = self.orders();
        if self.filter.is_empty() {
            return Rows::All(orders);
        }
        let wanted: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let found = orders.newest_first(0).filter(|(_, order)| self.fits(order, &wanted)).map(|(slot, _)| slot);
        Rows::Found(orders, found.collect())
    }

    /// Whether every word is in what the table shows of the order, or in its workflow id.
    fn fits(&self, order: &Execution, wanted: &[String]) -> bool {
        let names = [order.order.to_lowercase(), order.workflow.to_lowercase()];
        let state = || {
            let verdict = verdict_word(order.verdict()).to_lowercase();
            let open = if order.is_over() { "" } else { "open" };
            [stage_word(self.stage(order)).to_owned(), verdict, open.to_owned()]
        };
        wanted
            .iter()
            .all(|word| names.iter().any(|name| name.contains(word)) || state().iter().any(|text| text.contains(word)))
    }
}

#[cfg(test)]
mod tests {
    use crate::app::script::Scene;

    #[test]
    fn words_find_orders_by_id_state_and_verdict() {
        let mut scene = Scene::mid_retry();
        let found = |scene: &mut Scene, text: &str| {
            text.clone_into(&mut scene.app.filter);
            scene.app.rows().len()
        };
        for (text, rows) in [("a12", 1), ("A1 retry", 1), ("open", 1), ("unconfirmed", 1), ("completed", 0), ("b", 0)] {
            assert_eq!(found(&mut scene, text), rows, "{text}");
        }
        let mut wrong = Scene::wrong();
        assert_eq!(found(&mut wrong, "twice completed"), 1);
    }
}
