//! Environments and `.env` files that were made for other programs.

use super::*;
use std::os::unix::fs::symlink;

#[test]
fn a_dot_env_file_of_another_project_changes_nothing_and_gives_no_notice() {
    let files = [
        "OWNER=O'Brien\nPORT=3000\n",
        "PRICE=5 # in US$\n",
        "DJANGO_SECRET_KEY=q$7!k#p2(abc\n",
        "APP_NAME=My Shop\nMAIL_FROM_NAME=\"${APP_NAME}\"\n",
        "SIGNING_KEY=\"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n-----END PRIVATE KEY-----\"\n",
        "HOST=0.0.0.0\nTEMPORAL_VERSION=1.29.0\nPOSTGRES_PASSWORD=a$b'c\n",
        "export A\nset B 1\n<<<<<<< HEAD\n",
    ];
    for file in files {
        let settings = Place::new().dot_env(file).settings();
        assert_eq!(settings.notices, Vec::<String>::new(), "{file}");
    }
    let utf16: Vec<_> = "\u{feff}A=1\nTASKQUEUE=q\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let place = Place::new();
    fs::write(place.here().join(".env"), utf16).unwrap();
    assert_eq!(place.settings().task_queue, "q");
    // Settings of MySQL are never an error if the database is a file.
    let lines =
        "MYSQL_PASSWORD='a'b\nMYSQL_USER=a\nMYSQL_USER=$b\nMYSQL_HOST x\nMYSQL_PORT=x\nMYSQL_TLS=maybe\nMYSQL_DB=x\n";
    let place = Place::new().dot_env(lines).env("MYSQL_DATABASE", "'x' # y");
    let notices = place.settings().notices;
    assert!(
        notices.len() == 1 && notices[0].contains("MYSQL_PORT, MYSQL_DATABASE, MYSQL_USER, MYSQL_TLS"),
        "{notices:?}"
    );
}

#[test]
fn a_dot_env_that_cannot_be_read_counts_as_absent_with_one_notice() {
    let folder = Place::new().file(".env/bin/python", "");
    let dangling = Place::new();
    symlink("/nonexistent/vault/.env", dangling.here().join(".env")).unwrap();
    let looping = Place::new();
    symlink(".env", looping.here().join(".env")).unwrap();
    let device = Place::new();
    symlink("/dev/zero", device.here().join(".env")).unwrap();
    let large = Place::new().dot_env(&"#".repeat((1 << 20) + 1));
    for (place, reason) in [
        (folder, "it is a folder"),
        (dangling, "a link to a file that does not exist"),
        (looping, "symbolic link"),
        (device, "more than 1 MiB"),
        (large, "more than 1 MiB"),
    ] {
        let effective = place.effective();
        assert!(!effective.dot_env.present && effective.dot_env.ignored.is_some(), "{reason}");
        let notices = effective.notices();
        assert!(notices.len() == 1 && notices[0].contains(reason), "{notices:?}");
    }
    let empty = Place::new();
    symlink("/dev/null", empty.here().join(".env")).unwrap();
    assert_eq!(empty.settings().notices, Vec::<String>::new());
}

#[test]
fn a_dot_env_that_is_a_named_pipe_is_read_and_never_waited_for_without_end() {
    let pipe = || {
        let place = Place::new();
        let path = place.here().join(".env");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        (place, path)
    };
    let (served, path) = pipe();
    let writer = std::thread::spawn(move || fs::write(path, "TASKQUEUE=q").unwrap());
    assert_eq!(served.settings().task_queue, "q");
    writer.join().unwrap();
    let (silent, _path) = pipe();
    let notices = silent.settings().notices;
    assert!(notices.len() == 1 && notices[0].contains("sent nothing within"), "{notices:?}");
}

#[test]
fn the_dot_env_file_can_be_left_out() {
    let place = || Place::new().dot_env("TASKQUEUE=file\nIDEMPOTENCE_NO_ENV_FILE=true");
    assert_eq!(place().settings().task_queue, "file", "only the environment can say so");
    for left_out in
        [place().env("IDEMPOTENCE_NO_ENV_FILE", "true"), place().flags(Flags { no_env_file: true, ..Flags::default() })]
    {
        let effective = left_out.effective();
        assert!(effective.dot_env.ignored.is_some());
        assert_eq!(left_out.settings().task_queue, DEFAULT_TASK_QUEUE);
    }
    let flags = Flags { no_env_file: true, ..Flags::default() };
    assert!(Place::new().flags(flags).settings().child_flags().contains(&OsString::from("--no-env-file")));
    let typo = Place::new().env("IDEMPOTENCE_NO_ENV_FILE", "ture").error().to_string();
    assert!(typo.starts_with("IDEMPOTENCE_NO_ENV_FILE in the environment is \"ture\""), "{typo}");
}

#[test]
fn log_levels_of_other_programs_are_accepted_with_one_notice() {
    for (value, level) in [("warning", Level::WARN), ("20", Level::INFO), ("info,sqlx=warn", Level::INFO)] {
        for place in [
            Place::new().env("LOG_LEVEL", value),
            Place::new().dot_env(&format!("LOG_LEVEL={value}")),
            Place::new().settings_file(format!("log_level = '{value}'")),
        ] {
            let settings = place.settings();
            assert_eq!((settings.log_level, settings.notices.len()), (level, 1), "{value}: {:?}", settings.notices);
            assert!(settings.notices[0].contains(value) && settings.notices[0].contains("trace, debug, info"));
        }
    }
    assert_eq!(Place::new().env("LOG_LEVEL", "WARN").settings().notices, Vec::<String>::new());
}

#[test]
fn quotes_that_docker_keeps_are_removed_with_a_notice() {
    let place = Place::new().envs(&[
        ("TEMPORAL_ADDRESS", "\"localhost:7234\""),
        ("TEMPORAL_NAMESPACE", "'shop'"),
        ("TASKQUEUE", "\"orders\" # the queue"),
        ("TEMPORAL_API_KEY", "\"\""),
    ]);
    let settings = place.settings();
    assert_eq!((settings.address.port(), settings.namespace.as_str()), (7234, "shop"));
    assert_eq!((settings.task_queue.as_str(), settings.api_key.is_none()), ("orders", true));
    assert_eq!(settings.notices.len(), 4);
    assert!(settings.notices[0].contains("TEMPORAL_ADDRESS") && settings.notices[0].contains("--env-file"));
    let comment = Place::new().env("TASKQUEUE", "orders # the queue").settings();
    assert_eq!((comment.task_queue.as_str(), comment.notices.len()), ("orders # the queue", 1));
    let read = Place::new().env("DATABASE", "postgres://u:hunter2@db/shop # ours").read();
    assert!(read.notices().len() == 1 && !format!("{:?}", read.notices()).contains("hunter2"), "{:?}", read.notices());
}

#[test]
fn placeholders_are_not_an_api_key_or_a_certificate() {
    for word in ["none", "NULL", "<nil>", " undefined "] {
        let settings = Place::new().env("TEMPORAL_API_KEY", word).env("TEMPORAL_TLS_CERT", word).settings();
        assert!(settings.api_key.is_none() && matches!(settings.transport, Transport::Plaintext), "{word}");
        assert_eq!(settings.notices.len(), 2, "{:?}", settings.notices);
        let remote = Place::new().env("TEMPORAL_API_KEY", word).env("TEMPORAL_ADDRESS", "temporal:7233").error();
        assert!(
            matches!(remote, SettingsError::PlaintextToRemote { .. }),
            "no protection is lost in silence: {remote}"
        );
    }
    assert_eq!(Place::new().env("TEMPORAL_NAMESPACE", "none").settings().namespace, "none");
}

#[test]
fn variables_of_kubernetes_give_no_notice_and_typos_give_one() {
    let links = Place::new().envs(&[
        ("TEMPORAL_FRONTEND_SERVICE_HOST", "10.96.0.12"),
        ("TEMPORAL_FRONTEND_PORT_7233_TCP_ADDR", "10.96.0.12"),
        ("TEMPORAL_PORT", "tcp://10.96.0.14:7233"),
        ("TEMPORAL_DEBUG", "1"),
        ("IDEMPOTENCE_SERVICE_PORT_CODEC", "8081"),
    ]);
    let settings = links.settings();
    assert_eq!((settings.address, settings.notices), (Address::default(), Vec::new()));
    let typo = Place::new().dot_env("DATABSE=x.json\nDATABASE_URL=postgres://u:p@h/d\nLOGLEVEL=x").settings().notices;
    assert_eq!(typo.len(), 1, "{typo:?}");
    assert!(typo[0].contains("did you mean DATABASE?") && typo[0].contains("did you mean LOG_LEVEL?"), "{typo:?}");
    assert!(!typo[0].contains("DATABASE_URL"), "{typo:?}");
}

#[test]
fn variables_of_temporals_own_images_are_ignored_in_every_layer_and_misspellings_are_not() {
    let of_images = [
        "TEMPORAL_AUTH_CLIENT_SECRET",
        "TEMPORAL_BROADCAST_ADDRESS",
        "TEMPORAL_CLI_ADDRESS",
        "TEMPORAL_CLI_NAMESPACE",
        "TEMPORAL_CODEC_PASS_ACCESS_TOKEN",
        "TEMPORAL_CORS_ORIGINS",
        "TEMPORAL_DEFAULT_NAMESPACE",
        "TEMPORAL_SERVER_CONFIG_DIR",
        "TEMPORAL_SERVER_CONFIG_FILE_PATH",
        "TEMPORAL_TLS_FRONTEND_CERT",
        "TEMPORAL_TLS_SERVER_KEY",
        "TEMPORAL_UI_ENABLED",
        "TEMPORAL_UI_PORT",
    ];
    for name in of_images {
        for place in [Place::new().env(name, "x"), Place::new().dot_env(&format!("{name}=x"))] {
            assert_eq!(place.settings().notices, Vec::<String>::new(), "{name}");
        }
    }
    for (written, meant) in [
        ("TEMPORAL_ADRESS", "TEMPORAL_ADDRESS"),
        ("TEMPORAL_NAMSPACE", "TEMPORAL_NAMESPACE"),
        ("temporal_address", "TEMPORAL_ADDRESS"),
        ("Temporal_Namspace", "TEMPORAL_NAMESPACE"),
        ("TEMPORAL_UI_ULR", "TEMPORAL_UI_URL"),
        ("TEMPORAL_TLS_CA", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"),
        ("TEMPORAL_ENV", "TEMPORAL_PROFILE"),
    ] {
        for place in [Place::new().env(written, "x"), Place::new().dot_env(&format!("{written}=x"))] {
            let notices = place.settings().notices;
            let meant = format!("(did you mean {meant}?)");
            assert!(notices.len() == 1 && notices[0].contains(&meant), "{written}: {notices:?}");
        }
    }
}

#[test]
fn nothing_is_expanded_and_shell_expansions_are_named() {
    let settings = Place::new().dot_env("TASKQUEUE=\"it's $USER\"").env("USER", "alice").settings();
    assert_eq!(settings.task_queue, "it's $USER");
    assert!(
        settings.notices.len() == 1 && settings.notices[0].contains("nothing is expanded"),
        "{:?}",
        settings.notices
    );
    let literal = Place::new().dot_env("TASKQUEUE='$USER'").settings();
    assert_eq!((literal.task_queue.as_str(), literal.notices.len()), ("$USER", 0));
    let path = Place::new().dot_env("DATABASE=$HOME/inventory.json").error().to_string();
    assert!(path.contains("write the path in full"), "{path}");
    let nested = Place::new().dot_env("NOTE='tis\nTASKQUEUE=orders\nX='").settings();
    assert!(nested.notices[0].contains("TASKQUEUE on line 2"), "{:?}", nested.notices);
}

#[test]
fn a_mistake_stops_only_commands_that_need_the_setting() {
    let place = Place::new().envs(&[("IDEMPOTENCE_THEME", "dark"), ("TEMPORAL_TLS", "maybe"), ("DATABASE", "a://b")]);
    let errors: Vec<_> = place.read().problems().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(place.read().settings(&[Area::Files, Area::Program, Area::Worker]).is_ok());
    for (area, name) in
        [(Area::Screen, "IDEMPOTENCE_THEME"), (Area::Connection, "TEMPORAL_TLS"), (Area::Database, "DATABASE")]
    {
        let error = place.read().settings(&[area]).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
    let no_key = Place::new().env("ENCRYPT_PAYLOAD", "true");
    assert!(no_key.read().settings(&[Area::Database]).is_ok());
    assert!(matches!(no_key.error(), SettingsError::NoKeyId));
    let broken_file = Place::new().settings_file("theme = ");
    assert!(broken_file.read().settings(&[Area::Screen]).is_ok());
    assert!(broken_file.read().settings(&[Area::Files]).is_err());
}

#[test]
fn a_command_is_stopped_only_by_mistakes_in_what_it_needs() {
    let commands = [
        ("dashboard", Area::DASHBOARD),
        ("demo", Area::DEMO),
        ("worker", Area::WORKER),
        ("start", Area::START),
        ("server", Area::SERVER),
        ("codec-server", Area::CODEC_SERVER),
        ("keys", Area::KEYS),
        ("audit", Area::STORE),
    ];
    for (name, value, stopped) in [
        ("IDEMPOTENCE_CODEC_TOKEN", "x", "codec-server"),
        ("IDEMPOTENCE_THEME", "pink", "dashboard"),
        ("IDEMPOTENCE_ASCII", "maybe", "dashboard"),
        ("IDEMPOTENCE_PLAIN", "maybe", "dashboard"),
        ("TEMPORAL_UI_URL", "ftp://x", "dashboard"),
        ("TASKQUEUE", "a\tb", "dashboard demo worker start"),
        ("TEMPORAL_ADDRESS", "bad:bad", "dashboard demo worker start server"),
        ("TEMPORAL_TLS_CERT", "/nonexistent/c.pem", "dashboard demo worker start server"),
        ("TEMPORAL_NAMESPACE", "a\tb", "dashboard demo worker start server"),
        ("TEMPORAL_CODEC_ENDPOINT", "http://localhost:8081", "dashboard demo worker start codec-server keys"),
        ("TEMPORAL_CODEC_ENDPOINT", "None", ""),
        ("ENCRYPT_PAYLOAD", "ture", "dashboard demo worker start codec-server keys"),
        ("IDEMPOTENCE_METRICS", "a b:1", "dashboard demo worker"),
        ("TEMPORAL_CLI", "~/temporal", "dashboard demo server"),
        ("DATABASE", "a://b", "dashboard demo worker start audit"),
        ("DATABASE", "mysql:", "dashboard demo worker start audit"),
        ("MYSQL_PORT", "x", ""),
    ] {
        let place = Place::new().env(name, value);
        let stops = |needed| place.read().valid_for(needed).is_err();
        let found: Vec<_> = commands.into_iter().filter(|(_, needed)| stops(needed)).map(|(name, _)| name).collect();
        assert_eq!(found.join(" "), stopped, "{name}={value}");
    }
    let no_key = Place::new().env("ENCRYPT_PAYLOAD", "true");
    assert!(no_key.read().settings(Area::SERVER).is_ok(), "a server sends no payload");
    assert!(no_key.read().valid_for(Area::KEYS).is_ok(), "the key is still to be made");
    assert!(no_key.read().settings(Area::START).is_err());
}

#[test]
fn a_settings_folder_that_is_a_file_gives_no_settings() {
    let place = Place::new().env("XDG_CONFIG_HOME", "/dev/null");
    assert_eq!(place.settings().notices, Vec::<String>::new());
}
