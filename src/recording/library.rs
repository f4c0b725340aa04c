//! The built-in recordings.

/// Name and content of each built-in recording.
pub const BUILT_IN: &[(&str, &[u8])] = &[
    ("walkthrough", include_bytes!("../../assets/recordings/walkthrough.jsonl")),
    ("dashboard", include_bytes!("../../assets/recordings/dashboard.jsonl")),
    ("watch", include_bytes!("../../assets/recordings/watch.jsonl")),
];

/// Returns the content of the built-in recording `name`, if there is one.
#[must_use]
pub fn built_in(name: &str) -> Option<&'static [u8]> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}
