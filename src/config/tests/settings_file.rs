//! The content of the settings file, and the errors about it.

use super::*;
use crate::domain::KeyPolicy;

/// The message about a settings file of this text, without the file's path.
#[track_caller]
fn refused(text: &str) -> String {
    let place = Place::new().settings_file(text);
    let error = place.error();
    assert!(matches!(error, SettingsError::BadEntry(_)), "{error:?}");
    let message = error.to_string();
    let rest = message.strip_prefix(&format!("{:?}, ", place.settings_path()));
    rest.unwrap_or_else(|| panic!("{message}")).to_owned()
}

#[test]
fn every_key_is_obeyed() {
    let settings = Place::new()
        .settings_file(
            "\u{feff}# all of it\r\naddress = \"h:1\"\r\nnamespace = \"n\"\ntask_queue = 'q'\ndatabase = '/d.json'\n\
             temporal_cli = 't'\nlog_level = 'warn'\ncheck_interval = 1_0\ncompact_after = 7\nsupplier = 'http://s:1'\nsupplier_key = 'lookup'\ntheme = 'mono'\nascii = true\nstill = true\n\
             profile = 'default'\ntls = true\nserver_name = 's'\ninsecure_skip_verify = false\nconnect_timeout = 7\n\
             encrypt_payload = false\nencryption_key_id = 'k'\nmetrics = '9464'\ntls_cert = 'c.pem'\n\
             tls_key = '../idempotence/c.key'\nserver_root_ca_cert = 'c.pem'",
        )
        .beside_the_settings_file(&["c.pem", "c.key"])
        .settings();
    let Transport::Tls(tls) = settings.transport else { panic!("no TLS") };
    assert!(tls.identity.is_some() && tls.root_ca.is_some() && tls.server_name.as_deref() == Some("s"));
    assert_eq!(settings.connect_timeout, Duration::from_secs(7));
    assert_eq!(settings.metrics.unwrap().to_string(), "127.0.0.1:9464");
    assert_eq!((settings.address.to_string().as_str(), settings.namespace.as_str()), ("h:1", "n"));
    assert_eq!((settings.task_queue.as_str(), file_of(&settings.database)), ("q", ("/d.json".into(), true)));
    assert_eq!((settings.temporal_cli, settings.log_level), (Some("t".into()), Level::WARN));
    assert_eq!((settings.check_interval, settings.compact_after), (Duration::from_secs(10), 7));
    let supplier = (settings.supplier.map(|url| url.to_string()), settings.supplier_key);
    assert_eq!(supplier, (Some("http://s:1".to_owned()), KeyPolicy::Lookup));
    assert_eq!(settings.appearance, Appearance { theme: crate::app::Theme::Mono, ascii: true, still: true });
    let place = Place::new();
    let defaults = format!("{:?}", place.settings());
    assert_eq!(format!("{:?}", place.settings_file("").settings()), defaults);
}

#[test]
fn an_unknown_key_is_reported_with_its_place_and_the_nearest_known_one() {
    for (text, expected) in [
        ("adress = 'a'", "line 1, column 1: there is no key \"adress\"; the nearest is address"),
        (
            "still = true\n  Task-Queue = 'a'",
            "line 2, column 3: there is no key \"Task-Queue\"; the nearest is task_queue",
        ),
        ("TEMPORAL_URL = 'a'", "line 1, column 1: there is no key \"TEMPORAL_URL\"; the nearest is address"),
        ("LOG_LEVEL = 'a'", "line 1, column 1: there is no key \"LOG_LEVEL\"; the nearest is log_level"),
        ("[look]\ntheme = 'mono'", "line 1, column 2: there is no key \"look\"; the keys are address, namespace"),
        ("\"a\\u001bb\" = 1", "line 1, column 1: there is no key \"a\\u{1b}b\"; the keys are "),
        (
            "mysql-host = 'a'",
            "line 1, column 1: there is no key \"mysql-host\"; write these parts in one value: database = ",
        ),
        ("MYSQL_TLS = true", "line 1, column 1: there is no key \"MYSQL_TLS\"; the nearest is mysql_tls"),
        // The first mistake in the file, not in alphabetical order.
        ("zzzzzz = 1\naaaaaa = 1", "line 1, column 1: there is no key \"zzzzzz\"; "),
    ] {
        let message = refused(text);
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn a_wrong_type_is_reported_with_its_place() {
    for (text, expected) in [
        ("address = 7233", "line 1, column 11: address must be a string in quotes, but this is a whole number"),
        ("ascii = 'yes'", "line 1, column 9: ascii must be true or false, without quotes, but this is a string"),
        ("# ö\nstill = 1", "line 2, column 9: still must be true or false, without quotes, but this is a whole number"),
        (
            "check_interval = '20'",
            "line 1, column 18: check_interval must be a whole number of seconds, without quotes, ",
        ),
        (
            "compact_after = '64'",
            "line 1, column 17: compact_after must be a whole number of megabytes, without quotes, ",
        ),
        ("check_interval = 1.5", "line 1, column 18: check_interval must be a whole number of seconds"),
        ("theme.name = 'x'", "line 1, column 1: theme must be a string in quotes, but this is a table"),
        ("theme = ['x']", "line 1, column 9: theme must be a string in quotes, but this is a list"),
        ("theme = 2020-01-01", "line 1, column 9: theme must be a string in quotes, but this is a date or a time"),
    ] {
        let message = refused(text);
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn a_value_out_of_range_is_refused_in_the_words_of_every_layer() {
    for (text, place, problem) in [
        ("check_interval = 0", "check_interval in {}, line 1, column 18 is \"0\": ", "whole seconds from 1 to 86400"),
        ("check_interval = -5", "check_interval in {}, line 1, column 18 is \"-5\": ", "whole seconds"),
        ("check_interval = 99999999999999999999", "check_interval in {}, line 1, column 18 is \"9", "whole seconds"),
        ("compact_after = -1", "compact_after in {}, line 1, column 17 is \"-1\": ", "megabytes from 0 to 1000000"),
        ("\ntheme = 'dark'", "theme in {}, line 2, column 9 is \"dark\": ", "terminal, contrast, colour-blind or mono"),
        ("address = ''", "address in {}, line 1, column 11 is \"\": ", "names no host"),
        ("database = '~/x.json'", "database in {}, line 1, column 12 is \"~/x.json\": ", "write the path in full"),
    ] {
        let settings = Place::new().settings_file(text);
        let message = settings.error().to_string();
        let start = place.replace("{}", &format!("{:?}", settings.settings_path()));
        assert!(message.starts_with(&start) && message.contains(problem), "{message}");
    }
}

#[test]
fn a_secret_belongs_in_the_environment() {
    for key in ["api_key", "TEMPORAL_API_KEY", "mysql-password", "token", "private_key"] {
        let message = refused(&format!("{key} = 'x'"));
        assert!(message.starts_with(&format!("line 1, column 1: {key:?} looks like a secret")), "{message}");
        assert!(message.contains("set it in the environment"), "{message}");
    }
}

#[test]
fn invalid_toml_is_reported_with_its_position() {
    for (text, place) in [
        ("theme = mono", "line 1, column 9: this is not TOML: "),
        ("still = true\nascii =", "line 2, column 8: this is not TOML: "),
        ("theme = 'mono", "line 1, column 14: this is not TOML: "),
        ("still = true\nstill = true", "line 2, column 1: this is not TOML: "),
    ] {
        let message = refused(text);
        assert!(message.starts_with(place), "{message}");
    }
    let latin = Place::new().settings_file(b"still = true\ntheme = '\xe9'").error().to_string();
    assert!(latin.contains("line 2, column 10: this is not UTF-8"), "{latin}");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_one_that_is_not_there_is_none() {
    Place::new().settings();
    let place = Place::new();
    fs::create_dir_all(place.settings_path()).unwrap();
    let folder = place.error();
    assert!(matches!(&folder, SettingsError::LayerUnreadable { file, .. } if *file == place.settings_path()));
    let place = Place::new();
    fs::create_dir_all(place.root.path().join("home/.config")).unwrap();
    fs::write(place.root.path().join("home/.config/idempotence"), "").unwrap();
    place.settings();
}

#[test]
fn a_file_without_end_is_refused_and_not_waited_for() {
    let place = Place::new().settings_file("");
    let path = place.settings_path();
    let refused = |expected: &str| {
        let message = place.error().to_string();
        assert!(message.contains(expected) && message.contains("make it a readable file"), "{message}");
    };
    std::fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
    refused("it has more than 1 MiB");
    std::fs::write(&path, "#".repeat(1 << 20)).unwrap();
    place.settings();
    std::fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    refused("it is a named pipe");
    for (device, endless) in [("/dev/null", false), ("/dev/zero", true)] {
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(device, &path).unwrap();
        if endless { refused("it has more than 1 MiB") } else { drop(place.settings()) }
    }
}
