//! Workflow ids that are made from order ids: the first layer against duplicates.

use std::fmt;

/// A workflow id that names its order: `order-<OrderID>`, with a suffix if the same order has further runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkflowId(String);

impl WorkflowId {
    /// Prefix of every such id.
    const PREFIX: &'static str = "order-";

    /// The one workflow id of an order. A second start with it joins the run that has not ended.
    #[must_use]
    pub fn of_order(order: &str) -> Self {
        Self(format!("{}{order}", Self::PREFIX))
    }

    /// Another workflow id for the same order.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        Self(format!("{}-{suffix}", self.0))
    }

    /// The rest of `workflow` after the prefix: an order id, with its suffix if it has one. `None` if the id is not made
    /// from an order id.
    #[must_use]
    pub fn order_in(workflow: &str) -> Option<&str> {
        workflow.strip_prefix(Self::PREFIX)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<WorkflowId> for String {
    fn from(id: WorkflowId) -> Self {
        id.0
    }
}

impl fmt::Display for WorkflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_id_names_its_order() {
        let own = WorkflowId::of_order("A12");
        assert_eq!((own.as_str(), WorkflowId::order_in(own.as_str())), ("order-A12", Some("A12")));
        assert_eq!(own.with_suffix("again-1-K7").to_string(), "order-A12-again-1-K7");
        assert_eq!(WorkflowId::order_in("5f3c-uuid"), None);
    }
}
