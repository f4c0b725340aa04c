//! The recordings that are compiled in.

/// Name and content of each.
pub const BUILT_IN: &[(&str, &[u8])] = &[
    ("walkthrough", include_bytes!("../../assets/recordings/walkthrough.jsonl")),
    ("dashboard", include_bytes!("../../assets/recordings/dashboard.jsonl")),
];

/// The content of the compiled-in recording of that name.
#[must_use]
pub fn built_in(name: &str) -> Option<&'static [u8]> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}
