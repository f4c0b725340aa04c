//! Activities: the two of the Inventory Workflow, and those of any other workflow by their type.

use std::{cmp::Ordering, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The activities of the workflow, in the order in which it runs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Activity {
    /// Takes the ordered units out of the stock.
    #[serde(rename = "UpdateInventoryActivity")]
    UpdateInventory,
    /// Adds units from the supplier if the stock is low.
    #[serde(rename = "SupplierOrderActivity")]
    SupplierOrder,
}

impl Activity {
    /// Both, in the order in which the workflow runs them.
    pub const ALL: [Self; 2] = [Self::UpdateInventory, Self::SupplierOrder];

    /// The activity type in Temporal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UpdateInventory => "UpdateInventoryActivity",
            Self::SupplierOrder => "SupplierOrderActivity",
        }
    }

    /// The name in fault plans and scenario files, and a short label.
    #[must_use]
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::UpdateInventory => "update",
            Self::SupplierOrder => "supplier",
        }
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The type of an activity of any workflow. Text in JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ActivityType(Kind);

/// The types of the Inventory Workflow do not allocate memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Ours(Activity),
    /// The name of a type of another workflow.
    Other(Arc<str>),
}

impl ActivityType {
    /// The name in Temporal.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Ours(activity) => activity.name(),
            Kind::Other(name) => name,
        }
    }

    /// A label: the short name of an activity of the Inventory Workflow, else the name in Temporal.
    #[must_use]
    pub fn label(&self) -> &str {
        match &self.0 {
            Kind::Ours(activity) => activity.short_name(),
            Kind::Other(name) => name,
        }
    }

    /// The activity of the Inventory Workflow; `None` for a type of another workflow.
    #[must_use]
    pub const fn ours(&self) -> Option<Activity> {
        match self.0 {
            Kind::Ours(activity) => Some(activity),
            Kind::Other(_) => None,
        }
    }
}

impl From<Activity> for ActivityType {
    fn from(activity: Activity) -> Self {
        Self(Kind::Ours(activity))
    }
}

impl From<&str> for ActivityType {
    fn from(name: &str) -> Self {
        let ours = Activity::ALL.into_iter().find(|activity| activity.name() == name);
        Self(ours.map_or_else(|| Kind::Other(name.into()), Kind::Ours))
    }
}

impl From<String> for ActivityType {
    fn from(name: String) -> Self {
        name.as_str().into()
    }
}

impl From<ActivityType> for String {
    fn from(activity: ActivityType) -> Self {
        activity.name().to_owned()
    }
}

impl fmt::Display for ActivityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Identifies an activity within one workflow run. Sorted: those of the Inventory Workflow first, in its order. Among the
/// others a shorter id is before a longer one, because most SDKs use ascending numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActivityKey {
    /// Its type.
    pub activity: ActivityType,
    /// Its id; `None` until the server reports it, because the journal records the type only.
    pub id: Option<Box<str>>,
}

impl ActivityKey {
    /// An activity of the Inventory Workflow whose id is not known.
    #[must_use]
    pub const fn of(activity: Activity) -> Self {
        Self { activity: ActivityType(Kind::Ours(activity)), id: None }
    }
}

impl ActivityKey {
    /// The tries of a relay to send a supplier order, which have a lane like an activity.
    #[must_use]
    pub fn relay() -> Self {
        Self { activity: ActivityType(Kind::Other("relay".into())), id: None }
    }
}

impl Ord for ActivityKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |key: &Self| key.activity.ours().map_or(Activity::ALL.len(), |activity| activity as usize);
        let length = |key: &Self| key.id.as_ref().map(|id| id.len());
        let ids = || (length(self), &self.id, &self.activity).cmp(&(length(other), &other.id, &other.activity));
        rank(self).cmp(&rank(other)).then_with(ids)
    }
}

impl PartialOrd for ActivityKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_its_name_and_ours_are_recognised() {
        for activity in Activity::ALL {
            let by_name = ActivityType::from(activity.name());
            assert_eq!((by_name.clone(), by_name.ours()), (activity.into(), Some(activity)));
            assert_eq!((by_name.name(), by_name.label()), (activity.name(), activity.short_name()));
        }
        let other = ActivityType::from("charge_card".to_owned());
        assert_eq!((other.name(), other.label(), other.ours()), ("charge_card", "charge_card", None));
        assert_eq!(size_of::<ActivityType>(), size_of::<&str>());
    }

    #[test]
    fn activities_are_sorted_by_workflow_and_number() {
        let key = |name: &str, id: Option<&str>| ActivityKey { activity: name.into(), id: id.map(Into::into) };
        let sorted = [
            key("UpdateInventoryActivity", None),
            key("UpdateInventoryActivity", Some("9")),
            key("UpdateInventoryActivity", Some("10")),
            key("SupplierOrderActivity", Some("1")),
            key("mail", Some("2")),
            key("charge", Some("11")),
            key("mail", Some("11")),
        ];
        assert!(sorted.is_sorted(), "{sorted:?}");
        assert_eq!(ActivityKey::of(Activity::UpdateInventory), sorted[0]);
    }
}
