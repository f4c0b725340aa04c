//! Notices: sentences about settings that are dangerous or have no effect. They never contain the value of a setting
//! that may be a secret.

use super::needs::Area;

/// Notices, each with the parts of the settings that it concerns. A command that needs none of these does not show it.
#[derive(Debug, Clone, Default)]
pub(super) struct Notices(Vec<(Vec<Area>, String)>);

impl Notices {
    pub(super) fn add(&mut self, area: Area, text: String) {
        self.0.push((vec![area], text));
    }

    pub(super) fn extend(&mut self, area: Area, texts: impl IntoIterator<Item = String>) {
        self.0.extend(texts.into_iter().map(|text| (vec![area], text)));
    }

    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Adds a notice about several parts, unless `areas` is empty.
    pub(super) fn add_about(&mut self, areas: Vec<Area>, text: String) {
        if !areas.is_empty() {
            self.0.push((areas, text));
        }
    }

    /// Returns the notices about the parts `needed`.
    pub(super) fn about(&self, needed: &[Area]) -> Vec<String> {
        let is_needed = |areas: &[Area]| areas.iter().any(|area| needed.contains(area));
        self.0.iter().filter(|(areas, _)| is_needed(areas)).map(|(_, text)| text.clone()).collect()
    }
}
