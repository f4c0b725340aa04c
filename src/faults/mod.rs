//! Planned faults: which attempt fails, where and how. Draws are seeded, so that a run can be repeated exactly.

mod draw;
mod fault;
mod plan;

pub use draw::{Draw, Seed};
pub use fault::{Action, Fault, Point};
pub use plan::{FaultPlan, PlanError, Preset};
