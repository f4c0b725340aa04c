//! Sentences about settings that are dangerous, or were understood but change nothing. Names only, never the values of
//! settings that may be secret.

use super::needs::Area;

/// Notices, each with the parts of the settings that it is about: a command that needs none of them does not show it.
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

    /// One about several parts; none if it is about none.
    pub(super) fn add_about(&mut self, areas: Vec<Area>, text: String) {
        if !areas.is_empty() {
            self.0.push((areas, text));
        }
    }

    /// Those about one of the parts `needed`.
    pub(super) fn about(&self, needed: &[Area]) -> Vec<String> {
        let is_needed = |areas: &[Area]| areas.iter().any(|area| needed.contains(area));
        self.0.iter().filter(|(areas, _)| is_needed(areas)).map(|(_, text)| text.clone()).collect()
    }
}
