//! Mistakes in the settings of MySQL. Each message names the setting and says what to do, and none contains a password.

use super::mysql::{ORIGINAL, PEM};
use super::*;

/// The message for the original demo's variables, with these changes.
#[track_caller]
fn refused(changes: &[(&str, &str)]) -> String {
    let place = Place::new().file("ca.pem", PEM).file("secret", "hunter2");
    let kept: Vec<_> =
        ORIGINAL.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name)).collect();
    let place = place.envs(&kept).envs(changes);
    let error = place.error();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    let read = place.read();
    let seen = format!("{read:?} {:?} {:?}", read.shown(), read.notices());
    assert!(!seen.contains("hunter2"), "{seen}");
    assert!(read.settings(Area::SERVER).is_ok(), "a server needs no database");
    error.to_string()
}

#[test]
fn a_part_that_is_not_set_is_named_with_both_remedies() {
    for (name, part) in [("MYSQL_HOST", "HOST"), ("MYSQL_USER", "USER"), ("MYSQL_DATABASE", "NAME")] {
        let expected = format!(
            "DATABASE in the environment selects MySQL, but {name} is not set; set it, or write {part} in \
             mysql://USER@HOST:PORT/NAME"
        );
        assert_eq!(refused(&[(name, "")]), expected);
        assert_eq!(refused(&[(name, " "), ("DATABASE", "mysql://")]), expected);
    }
    let by_flag = Place::new().flags(Flags { database: Some("mysql://me@/x".into()), ..Flags::default() }).error();
    assert!(
        by_flag.to_string().starts_with("--database on the command line selects MySQL, but MYSQL_HOST"),
        "{by_flag}"
    );
}

#[test]
fn a_variable_with_a_mistake_is_named_with_its_value_and_a_remedy() {
    let (long_user, long_name, long_path) = ("u".repeat(129), "\u{fc}".repeat(65), format!("/{}", "s".repeat(107)));
    for (name, value, problem) in [
        (
            "MYSQL_HOST",
            "db:http",
            "is \"db:http\": the port must be a number from 1 to 65535; write HOST:PORT, or set MYSQL_PORT",
        ),
        ("MYSQL_HOST", "d b", "is \"d b\": it must be a host name, an IP address (IPv6 in brackets), or the path"),
        ("MYSQL_HOST", "tcp://db:3306", "it must be a host name"),
        ("MYSQL_HOST", "d\u{1b}b", "is \"d\\u{1b}b\": it must be a host name"),
        ("MYSQL_HOST", "~/mysql.sock", "it must be a host name"),
        (
            "MYSQL_HOST",
            "mysql://me:hunter2@db",
            "is not shown, because it may contain a password: only the host belongs here",
        ),
        ("MYSQL_HOST", "db?password=hunter2", "is not shown"),
        ("MYSQL_HOST", &long_path, "at most 107; use a shorter path"),
        ("MYSQL_PORT", "0", "is \"0\": the port must be a number from 1 to 65535, such as 3306"),
        ("MYSQL_PORT", "65536", "the port must be a number"),
        ("MYSQL_PORT", "-1", "the port must be a number"),
        ("MYSQL_PORT", "3306x", "the port must be a number"),
        ("MYSQL_PORT", "mysql", "the port must be a number"),
        ("MYSQL_USER", "a\nb", "is \"a\\nb\": it contains a control character; remove it"),
        ("MYSQL_USER", &long_user, "it has 129 characters, but at most 128 are allowed; shorten it"),
        ("MYSQL_DATABASE", "a\u{9b}b", "it contains a control character; remove it"),
        ("MYSQL_DATABASE", &long_name, "it has 65 characters, but at most 64 are allowed; shorten it"),
        ("MYSQL_TLS", "maybe", "is \"maybe\": it must be true or false"),
        ("MYSQL_PASSWORD", "hunter2\n", "is not shown, because it may be a secret: it contains a control character"),
    ] {
        let message = refused(&[(name, value)]);
        assert!(
            message.starts_with(&format!("{name} in the environment is ")) && message.contains(problem),
            "{message}"
        );
        assert!(!message.contains(char::is_control) && message.len() < 400, "{message:?}");
    }
}

#[test]
fn a_url_with_a_mistake_is_refused_in_every_layer_and_never_shown() {
    for (value, problem) in [
        (
            "mysql://me:hunter2@db/x",
            "a password in it would appear in lists of processes; remove it from the URL, and set MYSQL_PASSWORD",
        ),
        ("mysql://me:hunter2@db:3306/x?ssl-mode=REQUIRED", "a password in it"),
        ("MYSQL://me:h/u?n#t@hunter2@db/x", "a password in it"),
        ("mysql://:hunter2@", "a password in it"),
        ("mariadb://me:hunter2@db/x", "write mysql: instead of mariadb:"),
        (
            "mysql:host=db;password=hunter2",
            "write mysql://USER@HOST:PORT/NAME, or only mysql: to use the MYSQL_* variables",
        ),
        ("mysql:hunter2", "write mysql://USER@HOST:PORT/NAME, or only mysql:"),
        ("mysql://@hunter2/x", "the user name before the @ is empty"),
        ("mysql://me@:3306/hunter2", "the host must be a name"),
        ("mysql://me@hunter2:http/x", "the port must be a number from 1 to 65535; write mysql://"),
        ("mysql://me@db/hunter2/", "only the name of the database may follow the server; write %2F"),
        (
            "mysql://me@db/x?password=hunter2",
            "options after ? or # are not supported; remove them, and set MYSQL_TLS and MYSQL_CA",
        ),
        ("mysql://me@db/hunter2%", "write %25 for the % itself"),
        ("mysql://me@db/hunter2%00", "it contains a control character; remove it"),
    ] {
        let file = format!("database = '{value}'");
        let by_flag = Place::new().flags(Flags { database: Some(value.into()), ..Flags::default() });
        for place in [
            by_flag,
            Place::new().env("DATABASE", value),
            Place::new().env("DATABASE", &format!("'{value}'")),
            Place::new().dot_env(&format!("DATABASE='{value}'")),
            Place::new().settings_file(file),
        ] {
            let error = place.error();
            let message = error.to_string();
            assert!(message.contains(" is a MySQL URL (not shown, as it may contain a password): "), "{message}");
            assert!(message.contains(problem), "{value}: {message}");
            let read = place.read();
            let seen = format!("{message} {error:?} {read:?} {:?} {:?}", read.shown(), read.notices());
            assert!(!seen.contains("hunter2"), "{value}: {seen}");
            let database = read.shown().into_iter().find(|shown| shown.key == "database").unwrap();
            assert_eq!((database.value, &database.origin), ("set, not valid".into(), error.origin().unwrap()));
        }
    }
    for word in ["mysql", "MariaDB"] {
        let flag = Flags { database: Some(word.into()), ..Flags::default() };
        let in_file = format!("database = '{word}'");
        for place in [Place::new().flags(flag), Place::new().env("DATABASE", word), Place::new().settings_file(in_file)]
        {
            let message = place.error().to_string();
            assert!(message.contains("write mysql:, or ") && message.contains(&format!("\"./{word}\"")), "{message}");
        }
    }
}

#[test]
fn parts_with_two_values_in_one_layer_are_refused() {
    for (changes, expected) in [
        (
            &[("DATABASE", "mysql://db")][..],
            "the host is \"db\" in DATABASE but \"localhost\" in MYSQL_HOST, both in the environment",
        ),
        (&[("DATABASE", "mysql://(/tmp/s)")], "the host is \"/tmp/s\" in DATABASE but \"localhost\" in MYSQL_HOST"),
        (&[("DATABASE", "mysql://root@")], "the user is \"root\" in DATABASE but \"mysqluser\" in MYSQL_USER"),
        (&[("DATABASE", "mysql:///x")], "the database is \"x\" in DATABASE but \"dataentry\" in MYSQL_DATABASE"),
        (&[("DATABASE", "mysql://localhost:1"), ("MYSQL_PORT", "2")], "the port is 1 in DATABASE but 2 in MYSQL_PORT"),
        (&[("MYSQL_HOST", "localhost:1"), ("MYSQL_PORT", "2")], "the port is 1 in MYSQL_HOST but 2 in MYSQL_PORT"),
        (
            &[("DATABASE", "mysql://localhost:1"), ("MYSQL_HOST", "localhost:2")],
            "the port is 1 in DATABASE but 2 in MYSQL_HOST",
        ),
    ] {
        let message = refused(changes);
        assert!(
            message.starts_with(expected) && message.ends_with("; remove one of them, or make them equal"),
            "{message}"
        );
    }
    let twice = refused(&[("MYSQL_PASSWORD", "hunter2"), ("MYSQL_PASSWORD_FILE", "secret")]);
    assert_eq!(
        twice,
        "MYSQL_PASSWORD in the environment and MYSQL_PASSWORD_FILE in the environment are both set; keep one of them"
    );
    let place = Place::new().dot_env("DATABASE=mysql:\nMYSQL_USER=a\nMYSQL_USER=b\nMYSQL_HOST=h\nMYSQL_DATABASE=d");
    let message = place.error().to_string();
    assert!(message.contains("sets MYSQL_USER to different values on lines 2 and 3"), "{message}");
    let message = Place::new().dot_env("DATABASE=mysql:\nMYSQL_PASSWORD='hunter2'x").error().to_string();
    assert!(message.contains("line 2: only a comment may follow") && !message.contains("hunter2"), "{message}");
}

#[test]
fn a_password_file_that_cannot_be_used_is_refused() {
    let place = Place::new().file("empty", "\n").file("lines", "hunter2\nx").file("large", &"h".repeat(4097));
    let place = place.file("folder/x", "");
    fs::write(place.here().join("latin"), b"hunter2\xe9").unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, place.here().join("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let path = |name: &str| place.here().join(name).to_str().unwrap().to_owned();
    for (value, problem) in [
        ("hunter2".to_owned(), "which cannot be read: No such file"),
        (path("folder"), "it is a folder"),
        (path("pipe"), "it is a named pipe"),
        (path("large"), "it has more than 4096 bytes"),
        (path("empty"), "the file is empty; write the password into it, or unset MYSQL_PASSWORD_FILE for none"),
        (path("lines"), "the file has several lines or a control character; write only the password into it"),
        (path("latin"), "the file is not UTF-8; save it as UTF-8"),
        ("~/hunter2".to_owned(), "write the path in full"),
        ("$hunter2".to_owned(), "write the path in full"),
    ] {
        let message = refused(&[("MYSQL_PASSWORD", ""), ("MYSQL_PASSWORD_FILE", &value)]);
        assert!(
            message.starts_with("MYSQL_PASSWORD_FILE in the environment ") && message.contains(problem),
            "{message}"
        );
        assert!(message.contains("not shown"), "{message}");
    }
}

#[test]
fn certificates_that_cannot_be_used_and_contradictions_about_tls_are_refused() {
    let place = Place::new().file("not.pem", "hello").file("folder/x", "").file("half.pem", &PEM.replace("MAA=", "?"));
    let place = place.file("key.pem", &PEM.replace("CERTIFICATE", "PRIVATE KEY"));
    let path = |name: &str| place.here().join(name).to_str().unwrap().to_owned();
    for (value, problem) in [
        (path("absent.pem"), "which cannot be read: No such file"),
        (path("folder"), "it is a folder"),
        (path("not.pem"), "the file is not a PEM file of certificates"),
        (path("half.pem"), "the file is not a PEM file of certificates"),
        (path("key.pem"), "the file is not a PEM file of certificates"),
        (PEM.to_owned(), "it is the text of a certificate; write it to a file"),
        ("~/ca.pem".to_owned(), "write the path in full"),
    ] {
        for host in ["localhost", "db"] {
            let message = refused(&[("MYSQL_CA", &value), ("MYSQL_HOST", host)]);
            assert!(message.starts_with("MYSQL_CA in the environment ") && message.contains(problem), "{message}");
        }
    }
    let denied = refused(&[("MYSQL_TLS", "false"), ("MYSQL_CA", "ca.pem")]);
    assert!(
        denied.starts_with("MYSQL_TLS in the environment is false, which turns TLS off, but MYSQL_CA in the"),
        "{denied}"
    );
    let socket = refused(&[("MYSQL_TLS", "true"), ("MYSQL_HOST", "/tmp/mysql.sock")]);
    let expected = "MYSQL_TLS in the environment is true, but MYSQL_HOST in the environment names a Unix socket, ";
    assert!(
        socket.starts_with(expected) && socket.contains("unset MYSQL_TLS, or set MYSQL_HOST to a host"),
        "{socket}"
    );
}

#[test]
fn values_that_are_not_text_are_refused_only_if_mysql_is_selected() {
    use std::os::unix::ffi::OsStringExt;
    let not_utf8 = |name: &str, bytes: &[u8]| {
        let mut place = Place::new();
        place.environment.push((name.into(), OsString::from_vec(bytes.to_owned())));
        place
    };
    assert_eq!(not_utf8("MYSQL_USER", b"a\xff").settings().notices, Vec::<String>::new());
    let message = not_utf8("MYSQL_USER", b"a\xff").envs(&ORIGINAL[..3]).error().to_string();
    assert!(message.starts_with("MYSQL_USER in the environment is not valid UTF-8"), "{message}");
    let flag = PathBuf::from(OsString::from_vec(b"mysql://me@db/\xff".to_vec()));
    let message = Place::new().flags(Flags { database: Some(flag), ..Flags::default() }).error().to_string();
    assert!(message.starts_with("--database on the command line is not valid UTF-8"), "{message}");
}
