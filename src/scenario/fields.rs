//! Fields that a scenario's file has both at its top and in its steps.

use std::collections::HashMap;

use super::predict::Field;
use crate::{
    domain::{Activity, Guard},
    faults::{FaultPlan, PlanError},
    source_text::SourceError,
    toml_table::{Quoted, Table},
};

/// Byte offsets of the values that can contradict the rest of the file.
pub(super) type Places = HashMap<Field, usize>;

/// Reads the guard.
pub(super) fn guard(table: Table<'_>) -> Result<Option<Guard>, SourceError> {
    Ok(table.word("guard", &Guard::ALL.map(|guard| (guard.name(), guard)))?.map(|guard| guard.value))
}

/// Reads a fault plan. An error is reported at the character of the plan that is wrong.
pub(super) fn faults(table: Table<'_>) -> Result<Option<FaultPlan>, SourceError> {
    let Some(plan) = table.text("faults")? else { return Ok(None) };
    let wrong = |plan: &Quoted<'_>, problem: PlanError| {
        table.source.wrong(plan.at(table.source, problem.column), problem.to_string())
    };
    plan.text.parse().map(Some).map_err(|problem| wrong(&plan, problem))
}

/// Reads the number of attempts that each activity must take, in the order of [`Activity::ALL`].
pub(super) fn attempts(
    table: Table<'_>,
    act: Option<usize>,
    places: &mut Places,
) -> Result<[Option<u32>; Activity::ALL.len()], SourceError> {
    let mut attempts = [None; Activity::ALL.len()];
    let Some(table) = table.table("attempts", "attempts")? else { return Ok(attempts) };
    table.allow(&Activity::ALL.map(Activity::short_name))?;
    for activity in Activity::ALL {
        let Some(count) = table.count(activity.short_name())? else { continue };
        places.insert(Field::Attempts(act, activity), count.at);
        attempts[activity as usize] = Some(count.value);
    }
    Ok(attempts)
}
