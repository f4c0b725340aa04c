//! Where a recording goes that was asked for.

use std::{fs::File, path::Path};

use super::Failure;
use crate::recording::Recorder;

/// Begins the recording in `file`, where one was asked for. A file that is there already is left alone: it may be a talk
/// that was given once.
///
/// # Errors
/// [`Failure::Recording`].
pub fn begin(file: Option<&Path>) -> Result<Option<Recorder>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let failed = |source| Failure::Recording { file: file.to_owned(), source };
    let out = File::create_new(file).map_err(failed)?;
    let home = std::env::home_dir().map(|home| home.display().to_string());
    Recorder::new(Box::new(out), home).map(Some).map_err(failed)
}
