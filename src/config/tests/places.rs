//! The database, the Temporal program and the folders.

use super::*;

#[test]
fn the_database_is_found_in_the_order_flag_variable_folder_state() {
    let place = Place::new().checkout();
    let here = place.here();
    assert_eq!(file_of(&place.settings().database), (here.join("database/inventory.json"), false));
    // The file does not depend on the folder in which the program is started.
    let place = place.settings_file("database = 'stock.json'\ntemporal_cli = 'bin/temporal'");
    let folder = place.settings_path().parent().unwrap().to_owned();
    assert_eq!(file_of(&place.settings().database), (folder.join("stock.json"), true));
    assert_eq!(place.settings().temporal_cli, Some(folder.join("bin/temporal")));
    let place = place.dot_env("DATABASE='my stock.json'");
    assert_eq!(file_of(&place.settings().database), (here.join("my stock.json"), true));
    let place = place.env("DATABASE", "/srv/stock.json");
    assert_eq!(file_of(&place.settings().database), ("/srv/stock.json".into(), true));
    let place = place.flags(Flags { database: Some("new/x.json".into()), ..Flags::default() });
    assert_eq!(file_of(&place.settings().database), (here.join("new/x.json"), true));
}

#[test]
fn a_database_that_is_a_folder_is_refused() {
    for value in ["database", "database/", "absent/", ".", "..", "/"] {
        let error = Place::new().file("database/README.md", "").env("DATABASE", value).error();
        assert!(matches!(error, SettingsError::DatabaseIsFolder { .. }), "{value}: {error}");
    }
    let by_default = Place::new().checkout().file("database/inventory.json/x", "").error();
    assert!(by_default.to_string().starts_with("DATABASE by default is "), "{by_default}");
}

#[test]
fn a_folder_named_database_of_another_project_is_left_alone() {
    let state = |place: &Place| place.root.path().join("home/.local/state/idempotence/inventory.json");
    let of_others = [
        Place::new().file("database/migrations/1.sql", ""),
        Place::new().file("database/inventory.json", "[{\"sku\": 1}]"),
        Place::new().file("database/inventory.json/x", ""),
        Place::new().file("database/README.md", "").file("Cargo.toml", "[package]\nname = \"shop\"\n"),
    ];
    for place in of_others {
        assert_eq!(file_of(&place.settings().database), (state(&place), false));
    }
    let ours = [
        Place::new().file("database/inventory.json", crate::store::STARTING_DOCUMENT),
        Place::new().file("database/inventory.json.journal", "{}"),
        Place::new().checkout(),
    ];
    for place in ours {
        let here = place.here().join("database/inventory.json");
        assert_eq!(file_of(&place.settings().database), (here, false));
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_its_password_is_not_shown() {
    let values = [
        "postgres://u:hunter2@db/shop",
        "sqlite:///data/hunter2.db",
        "jdbc:mysql://db/shop?user=u&password=hunter2",
        "mysql+pymysql://u:hunter2@db/shop",
        "mysql2://u:hunter2@db/shop",
        "mysqlx://u:hunter2@db/shop",
        "u:hunter2@mysql://db",
        "u:hunter2@tcp(db:3306)/shop",
        "host=db user=u password=hunter2 dbname=shop",
        "Server=db;Database=shop;Pwd=hunter2",
        "file:hunter2.db?mode=memory",
        ":memory:",
        "scott/hunter2@dbhost:1521/orcl",
        "scott/hunter2@orcl",
        "//u:hunter2@h/db",
        "user=u pass=hunter2",
        "u;hunter2",
        "u hunter2",
        "/srv/x.db;Password = hunter2",
        "./x.db;pass=hunter2",
        "Data Source=./x.db",
    ];
    for value in values {
        let flag = Flags { database: Some(value.into()), ..Flags::default() };
        for place in [
            Place::new().env("DATABASE", value),
            Place::new().dot_env(&format!("DATABASE='{value}'")),
            Place::new().settings_file(format!("database = '{value}'")),
            Place::new().flags(flag),
        ] {
            let error = place.error();
            assert!(matches!(error, SettingsError::DatabaseOfAnotherProgram { .. }), "{value}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
            let read = place.read();
            assert!(!format!("{read:?} {:?}", read.shown()).contains("hunter2"), "{value}");
        }
    }
}

#[test]
fn a_bare_name_in_a_variable_is_another_programs_database() {
    let error = Place::new().env("DATABASE", "shop").error().to_string();
    assert!(error.contains("\"./shop\"") && error.contains("--database FILE"), "{error}");
    let error = Place::new().dot_env("DATABASE=shop").error().to_string();
    assert!(error.contains("\"./shop\""), "{error}");
    let ours = Place::new().env("DATABASE", "shop").file("shop", crate::store::STARTING_DOCUMENT);
    for place in [Place::new().env("DATABASE", "./shop"), ours] {
        assert!(file_of(&place.settings().database).0.ends_with("shop"));
    }
    let flag = Flags { database: Some("shop".into()), ..Flags::default() };
    assert!(file_of(&Place::new().flags(flag).settings().database).0.ends_with("shop"));
}

#[test]
fn a_variable_that_names_another_programs_file_is_refused() {
    let others =
        ["data/dev.db", "db/production.sqlite3", "app.SQLite", "/srv/app.db", "sql_server/app", "x.json?mode=rwc"];
    for value in others {
        for place in [Place::new().env("DATABASE", value), Place::new().dot_env(&format!("DATABASE={value}"))] {
            let error = place.file("db/production.sqlite3", "SQLite format 3\0").error();
            assert!(matches!(error, SettingsError::DatabaseOfAnotherProgram { .. }), "{value}: {error}");
        }
    }
    let ours = Place::new().env("DATABASE", "data/dev.db").file("data/dev.db.journal", "{}");
    let flag = Flags { database: Some("data/dev.db".into()), ..Flags::default() };
    for place in [ours, Place::new().flags(flag), Place::new().settings_file("database = 'data/dev.db'")] {
        assert!(file_of(&place.settings().database).0.ends_with("data/dev.db"));
    }
    for value in ["my stock.json", "data/x.json", "/srv/me@corp/2026:01/x.json", "./a=b.json", "../stock", "/srv/stock"]
    {
        assert!(place_of(value).ends_with(value.trim_start_matches(['.', '/'])), "{value}");
    }
}

fn place_of(value: &str) -> PathBuf {
    file_of(&Place::new().env("DATABASE", value).settings().database).0
}

/// Every setting that is a path, by its variable.
const PATHS: [&str; 8] = [
    "DATABASE",
    "TEMPORAL_CLI",
    "TEMPORAL_CONFIG_FILE",
    "IDEMPOTENCE_ENCRYPTION_KEY_FILE",
    "TEMPORAL_TLS_CERT",
    "TEMPORAL_TLS_KEY",
    "TEMPORAL_SERVER_ROOT_CA_CERT",
    "TEMPORAL_TLS_CLIENT_CERT_PATH",
];

#[test]
fn paths_are_not_expanded_and_each_error_says_so() {
    for name in PATHS {
        for (value, problem) in [
            ("~/x.json", "write the path in full"),
            ("~other/x.json", "write the path in full"),
            ("$HOME/x.json", "expanded only by a shell"),
            ("${HOME}/x.json", "expanded only by a shell"),
            ("/home/$USER/x.json", "expanded only by a shell"),
        ] {
            let error = Place::new().env(name, value).error().to_string();
            assert!(error.starts_with(name) && error.contains(problem), "{name} {value}: {error}");
        }
        let error = Place::new().env(name, "file:///srv/x.json").error().to_string();
        assert!(error.starts_with(name) && (name == "DATABASE" || error.contains("without file://")), "{error}");
    }
    let key = Place::new().env("TEMPORAL_TLS_KEY", "~hunter2").error().to_string();
    assert!(!key.contains("hunter2"), "{key}");
}

#[test]
fn the_temporal_program_is_a_bare_name_or_a_whole_path() {
    let place = Place::new();
    for (value, expected) in [
        ("temporal", PathBuf::from("temporal")),
        ("/opt/temporal", PathBuf::from("/opt/temporal")),
        ("./temporal", place.here().join("./temporal")),
        ("bin/temporal", place.here().join("bin/temporal")),
    ] {
        let flags = Flags { temporal_cli: Some(value.into()), ..Flags::default() };
        let settings = Settings::load(&flags, place.environment.clone(), Path::new(".env"), &place.here()).unwrap();
        assert_eq!(settings.temporal_cli, Some(expected), "{value}");
    }
    assert_eq!(Place::new().env("TEMPORAL_CLI", "t").settings().temporal_cli, Some("t".into()));
}

#[test]
fn xdg_folders_are_obeyed_if_absolute() {
    let absolute = Place::new().env("XDG_STATE_HOME", "/s").env("XDG_CACHE_HOME", "/c").settings();
    assert_eq!((absolute.state_dir, absolute.cache_dir), ("/s/idempotence".into(), "/c/idempotence".into()));
    let relative = Place::new().env("XDG_STATE_HOME", "s").env("XDG_CACHE_HOME", "");
    let home = relative.root.path().join("home");
    let settings = relative.settings();
    assert_eq!(settings.state_dir, home.join(".local/state/idempotence"));
    assert_eq!(settings.cache_dir, home.join(".cache/idempotence"));
}

#[test]
fn the_settings_file_is_in_the_xdg_folder() {
    let place = Place::new().settings_file("namespace = 'home'");
    assert_eq!(place.settings().namespace, "home");
    let file = place.effective().settings_file;
    assert_eq!(file, Some(LayerFile { path: place.settings_path(), present: true, ignored: None }));

    let elsewhere = place.here().join("etc");
    let place = place.file("etc/idempotence/settings.toml", "namespace = 'xdg'");
    let relative = place.env("XDG_CONFIG_HOME", "etc");
    assert_eq!(relative.settings().namespace, "home", "relative paths count as unset");
    let mut place = relative;
    place.environment.retain(|(name, _)| name != "XDG_CONFIG_HOME");
    assert_eq!(place.env("XDG_CONFIG_HOME", elsewhere.to_str().unwrap()).settings().namespace, "xdg");
}

/// Without a home folder the state folder does not last, which matters to what is kept there only.
#[test]
fn a_notice_is_for_those_who_need_its_setting() {
    let notices = |database: Option<&str>, address: &str, needed: &[Area]| {
        let mut place = Place::new();
        place.environment.retain(|(name, _)| name != "HOME");
        let place = place.env("HOME", "/nonexistent").env("TEMPORAL_ADDRESS", address).env("TEMPORAL_TLS", "no");
        let place = place.env("DATACONVERTER_ENCRYPTION_KEY_ID", "k");
        let place = database.into_iter().fold(place, |place, database| place.env("DATABASE", database));
        place.read().settings(needed).unwrap().notices
    };
    let says = |notices: &[String], part: &str| notices.iter().any(|notice| notice.contains(part));
    let (audit, server) = ([Area::Files, Area::Database], [Area::Connection, Area::Encryption, Area::Program]);
    for (database, address, needed, lasting) in [
        (None, "localhost", &audit[..], false),
        (Some("./x.json"), "localhost", &audit, true),
        (Some("./x.json"), "localhost", &server, false),
        (Some("./x.json"), "h:1", &server, true),
        (None, "h:1", &[Area::Screen], true),
    ] {
        let found = notices(database, address, needed);
        assert_eq!(!says(&found, "does not last"), lasting, "{database:?} {address} {needed:?}: {found:?}");
        let connects = needed.contains(&Area::Connection);
        assert_eq!(says(&found, "DATACONVERTER_ENCRYPTION_KEY_ID"), connects, "{found:?}");
        assert_eq!(says(&found, "h:1 is not encrypted"), connects && address == "h:1", "{found:?}");
    }
}
