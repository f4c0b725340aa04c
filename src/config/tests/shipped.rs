//! The example files that are shipped, and the notices.

use super::*;
use crate::store::Location;

#[test]
fn a_setting_without_effect_is_reported() {
    let mysql = Place::new().env("MYSQL_HOST", "localhost").env("MYSQL_USER", "me").settings();
    let expected = format!(
        "MYSQL_HOST, MYSQL_USER had no effect: the stock is kept in the file {:?}. To keep it in MySQL, set DATABASE=mysql:.",
        file_of(&mysql.database).0
    );
    assert_eq!(mysql.notices, [expected]);

    let key_id = Place::new().env("DATACONVERTER_ENCRYPTION_KEY_ID", "mysecretkey").settings();
    assert!(key_id.notices[0].starts_with("DATACONVERTER_ENCRYPTION_KEY_ID in the environment"));
    let remote = Place::open().env("TEMPORAL_URL", "temporal:7233").settings();
    assert!(remote.notices[0].contains("temporal:7233 is not encrypted"));

    let typos = Place::new().envs(&[("TEMPORAL_ADRESS", "a:1"), ("IDEMPOTENCE_THEM", "x"), ("PATH", "/bin")]);
    let typos = typos.dot_env("\nTASKQUEU=q").settings();
    assert_eq!(typos.notices.len(), 1);
    let expected = "TEMPORAL_ADRESS in the environment (did you mean TEMPORAL_ADDRESS?), IDEMPOTENCE_THEM in the environment (did \
                you mean IDEMPOTENCE_THEME?), TASKQUEU on line 2 of ";
    assert!(typos.notices[0].contains(expected), "{:?}", typos.notices);
    assert!(!typos.notices[0].contains("PATH"));
}

/// Secrets apart, which have no equality and are not shipped.
#[track_caller]
fn assert_same(one: &Settings, other: &Settings) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"), "it differs from the defaults");
}

#[test]
fn the_shipped_env_file_loads_and_names_everything() {
    let text = shipped(".env-dist");
    let place = Place::new().checkout().dot_env(&text);
    let settings = place.settings();
    let stock = Database { location: Location::File(place.here().join("database/inventory.json")), explicit: true };
    fs::remove_file(place.here().join(".env")).unwrap();
    assert_same(&settings, &Settings { database: stock, ..place.settings() });

    let first: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let original = "TEMPORAL_URL=localhost:7233\nTEMPORAL_NAMESPACE=default\nTASKQUEUE=inventory-task-queue\n\
                    DATABASE=database/inventory.json";
    assert_eq!(first.join("\n"), original);

    // It must also load after the comment sign before each setting is removed, and contain every name.
    let is_setting = |line: &str| NAMES.iter().any(|entry| line.starts_with(&format!("{}=", entry.name)));
    let all: Vec<_> =
        text.lines().filter_map(|line| Some(line.trim_start_matches("# ")).filter(|l| is_setting(l))).collect();
    assert_eq!(all.len(), NAMES.len(), "{all:#?}");
    for entry in NAMES {
        assert!(all.iter().any(|line| line.starts_with(&format!("{}=", entry.name))), "{} is missing", entry.name);
    }
    assert_eq!(Place::new().dot_env(&all.join("\n")).settings().notices, Vec::<String>::new());
}

#[test]
fn the_shipped_settings_file_loads_and_names_every_key() {
    let text = shipped("assets/settings.toml.example");
    let place = Place::new().settings_file(&text);
    let with = place.settings();
    fs::remove_file(place.settings_path()).unwrap();
    assert_same(&with, &place.settings());
    // It must also load after the comment sign before each setting is removed, with the values below.
    let is_setting = |line: &str| names::KEYS.iter().any(|key| line.starts_with(&format!("{} = ", key.key)));
    let all: Vec<_> =
        text.lines().filter_map(|line| Some(line.trim_start_matches("# ")).filter(|l| is_setting(l))).collect();
    assert_eq!(all.len(), names::KEYS.len(), "{all:#?}");
    let place = Place::new().settings_file(all.join("\n"));
    let place = place.beside_the_settings_file(&["client.pem", "client.key", "ca.pem"]);
    let effective = place.effective();
    for shown in effective.shown().iter().filter(|shown| names::KEYS.iter().any(|key| key.key == shown.key)) {
        assert!(matches!(shown.origin.layer, Layer::SettingsFile { .. }), "{shown:?}");
    }
}

#[test]
fn the_shipped_direnv_file_loads_and_means_the_defaults() {
    let settings = Place::new().dot_env(&shipped("assets/envrc.example")).settings();
    assert_eq!((settings.address, settings.notices), (Address::default(), Vec::new()));
    assert_eq!((settings.namespace.as_str(), settings.task_queue.as_str()), (DEFAULT_NAMESPACE, DEFAULT_TASK_QUEUE));
}
