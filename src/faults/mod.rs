//! Planned faults: which attempt fails, where and how. Seeded, so that a run can be repeated exactly.

mod decision;
mod plan;

pub use decision::{Draw, Seed};
pub use plan::{Action, Fault, FaultPlan, PlanError, Point, Preset};
