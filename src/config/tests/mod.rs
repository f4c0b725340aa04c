//! Tests of the settings as a whole, and the place that they share.

mod appearance;
mod encryption;
mod foreign;
mod layers;
mod mysql;
mod mysql_refusals;
mod origins;
mod places;
mod profiles;
mod refusals;
mod security;
mod settings_file;
mod shipped;

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::temporal::{PROFILE_FILE, PROFILE_FOLDER};

/// A current folder, a home beside it, and the layers under test.
struct Place {
    root: TempDir,
    flags: Flags,
    environment: Vec<(OsString, OsString)>,
}

impl Place {
    /// A place whose environment allows other machines without TLS.
    fn open() -> Self {
        Self::new().env("TEMPORAL_TLS", "false")
    }

    fn new() -> Self {
        let root = TempDir::new().unwrap();
        fs::create_dir(root.path().join("here")).unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        let home = (OsString::from("HOME"), root.path().join("home").into_os_string());
        let locale = (OsString::from("LANG"), OsString::from("C.UTF-8"));
        Self { root, flags: Flags::default(), environment: vec![home, locale] }
    }

    fn here(&self) -> PathBuf {
        self.root.path().join("here")
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Makes the current folder look like a checkout of this project.
    fn checkout(self) -> Self {
        self.file("database/README.md", "").file("Cargo.toml", "[package]\nname = \"idempotence\"\n")
    }

    fn envs(self, pairs: &[(&str, &str)]) -> Self {
        pairs.iter().fold(self, |place, (name, value)| place.env(name, value))
    }

    fn dot_env(self, text: &str) -> Self {
        self.file(".env", text)
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.here().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn settings_path(&self) -> PathBuf {
        self.root.path().join("home/.config/idempotence/settings.toml")
    }

    fn settings_file(self, text: impl AsRef<[u8]>) -> Self {
        fs::create_dir_all(self.settings_path().parent().unwrap()).unwrap();
        fs::write(self.settings_path(), text).unwrap();
        self
    }

    fn beside_the_settings_file(self, names: &[&str]) -> Self {
        for name in names {
            fs::write(self.settings_path().with_file_name(name), "").unwrap();
        }
        self
    }

    fn profiles_path(&self) -> PathBuf {
        self.root.path().join("home/.config").join(PROFILE_FOLDER).join(PROFILE_FILE)
    }

    /// Temporal's own file of profiles, in its usual folder.
    fn profiles(self, text: &str) -> Self {
        fs::create_dir_all(self.profiles_path().parent().unwrap()).unwrap();
        fs::write(self.profiles_path(), text).unwrap();
        self
    }

    fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    fn load(&self) -> Result<Effective, SettingsError> {
        Effective::load(&self.flags, self.environment.clone(), Path::new(".env"), &self.here())
    }

    fn read(&self) -> Effective {
        Effective::read(&self.flags, self.environment.clone(), Path::new(".env"), &self.here())
    }

    #[track_caller]
    fn effective(&self) -> Effective {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn settings(&self) -> Settings {
        Settings::try_from(self.effective()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The origin of the setting with this key, as shown to users.
    #[track_caller]
    fn origin(&self, key: &str) -> String {
        let effective = self.effective();
        let shown = effective.shown();
        shown.iter().find(|shown| shown.key == key).unwrap_or_else(|| panic!("{key}")).origin.to_string()
    }

    #[track_caller]
    fn error(&self) -> SettingsError {
        self.load().and_then(Settings::try_from).expect_err("these settings must be refused")
    }
}

/// The file of the database, and whether a layer names it.
fn file_of(database: &Database) -> (PathBuf, bool) {
    let file = database.location.file().expect("the database is a file");
    (file.to_owned(), database.explicit)
}

fn flag(address: &str) -> Flags {
    Flags { address: Some(address.to_owned()), ..Flags::default() }
}

fn shipped(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}
