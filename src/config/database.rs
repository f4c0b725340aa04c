//! The database of the stock: a JSON file, or MySQL.

use std::path::{Path, PathBuf};

use super::error::SettingsError;
use super::mysql::MySql;
use super::sourced::{Origin, Sourced};
use super::sources::Sources;
use super::{mysql_url, paths};
use crate::store::Location;

/// The database.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its location.
    pub location: Location,
    /// Whether a layer names it. Otherwise, it is the default.
    pub explicit: bool,
}

/// The database with its origins.
#[derive(Debug)]
pub(super) struct DatabaseChoice {
    pub(super) location: Sourced<Location>,
    /// The settings of a database in MySQL; `None` for a file.
    pub(super) mysql: Option<MySql>,
    /// The setting that selects MySQL, if its settings have a mistake. The location is then the default.
    pub(super) unusable: Option<Origin>,
}

impl DatabaseChoice {
    /// Returns a file.
    pub(super) fn file(file: Sourced<PathBuf>) -> Self {
        Self { location: file.map(Location::File), mysql: None, unusable: None }
    }
}

/// Returns the origin of `given` if it selects MySQL.
pub(super) fn selects_mysql(given: Option<&Sourced<PathBuf>>) -> Option<Origin> {
    let given = given.filter(|given| mysql_url::selects_mysql(&given.value.to_string_lossy()));
    given.map(|given| given.origin.clone())
}

/// Returns the database that `given`, the value of the flag or of `DATABASE`, names, or the file `usual`.
///
/// # Errors
/// Fails if it is the database of another program, or if a setting of the database has a mistake.
pub(super) fn choose(
    given: Option<Sourced<PathBuf>>,
    sources: &Sources,
    current_dir: &Path,
    usual: &dyn Fn() -> PathBuf,
) -> Result<DatabaseChoice, SettingsError> {
    let Some(origin) = selects_mysql(given.as_ref()) else {
        return Ok(DatabaseChoice::file(paths::database(given, current_dir, usual)?));
    };
    let text = given.as_ref().and_then(|given| given.value.to_str());
    let Some(text) = text else { return Err(SettingsError::NotUtf8 { origin }) };
    let url = mysql_url::parse(text).map_err(|problem| SettingsError::MySqlUrl { origin: origin.clone(), problem })?;
    let mysql = MySql::resolve(Sourced { value: url, origin: origin.clone() }, sources, current_dir)?;
    let location = Location::MySql(Box::new(mysql.database()));
    Ok(DatabaseChoice { location: Sourced { value: location, origin }, mysql: Some(mysql), unusable: None })
}
