//! Starts a requested recording.

use std::{fs::File, path::Path};

use super::Failure;
use crate::recording::Recorder;

/// Starts recording to `file`, if there is one. An existing file is not overwritten, because it may be the recording of
/// a talk.
///
/// # Errors
/// Returns [`Failure::Recording`] if the file exists or cannot be created.
pub fn begin(file: Option<&Path>) -> Result<Option<Recorder>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let failed = |source| Failure::Recording { file: file.to_owned(), source };
    let out = File::create_new(file).map_err(failed)?;
    let home = std::env::home_dir().map(|home| home.display().to_string());
    Recorder::new(Box::new(out), home).map(Some).map_err(failed)
}
