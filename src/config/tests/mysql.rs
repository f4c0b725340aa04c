//! The database in MySQL: the sources of its parts, and what is shown of them.

use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;
use crate::config::mysql_url::{self, Server, ServerHost, UrlParts};
use crate::store::{
    Location,
    mysql::{MySqlDatabase, MySqlHost, MySqlTls},
};

/// The variables of the original demo, and the one that selects MySQL.
pub(super) const ORIGINAL: [(&str, &str); 5] = [
    ("DATABASE", "mysql:"),
    ("MYSQL_HOST", "localhost"),
    ("MYSQL_DATABASE", "dataentry"),
    ("MYSQL_USER", "mysqluser"),
    ("MYSQL_PASSWORD", "mysqlpw"),
];

/// A file with the form of a certificate.
pub(super) const PEM: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";

fn mysql_of(settings: &Settings) -> &MySqlDatabase {
    match &settings.database.location {
        Location::MySql(database) => database,
        Location::File(file) => panic!("the database is the file {file:?}"),
    }
}

/// The database as text, and its password.
fn shown(place: &Place) -> (String, Option<String>) {
    let settings = place.settings();
    let database = mysql_of(&settings);
    let password = database.password.as_ref().map(|password| password.expose_secret().to_owned());
    (database.to_string(), password)
}

#[track_caller]
fn assert_shown(place: &Place, expected: &str) {
    assert_eq!(shown(place).0, expected);
}

fn by_flag(database: &str) -> Flags {
    Flags { database: Some(database.into()), ..Flags::default() }
}

#[test]
fn the_variables_of_the_original_demo_are_used_if_database_selects_mysql() {
    let expected = ("mysql://mysqluser@localhost:3306/dataentry".to_owned(), Some("mysqlpw".to_owned()));
    let [selects, others @ ..] = ORIGINAL;
    let dot_env: Vec<_> = ORIGINAL.iter().map(|(name, value)| format!("export {name}={value}")).collect();
    for place in [
        Place::new().envs(&ORIGINAL),
        Place::new().dot_env(&dot_env.join("\n")),
        Place::new().envs(&others).settings_file("database = 'mysql:'"),
        Place::new().envs(&others).flags(by_flag("MySQL:")),
        Place::new().dot_env(&dot_env[1..].join("\n")).env(selects.0, selects.1),
    ] {
        assert_eq!(shown(&place), expected);
        let settings = place.settings();
        assert_eq!((mysql_of(&settings).tls.clone(), settings.database.explicit), (MySqlTls::Off, true));
        assert_eq!(settings.notices, Vec::<String>::new());
        assert_eq!((settings.database.location.file(), settings.child_flags().len()), (None, 3));
    }
}

#[test]
fn what_the_url_leaves_out_comes_from_the_variables() {
    let [_, others @ ..] = ORIGINAL;
    for (url, expected) in [
        ("mysql://", "mysql://mysqluser@localhost:3306/dataentry"),
        ("mysql://db", "mysql://mysqluser@db:3306/dataentry"),
        ("mysql:///stock", "mysql://mysqluser@localhost:3306/stock"),
        ("mysql://shop@", "mysql://shop@localhost:3306/dataentry"),
        ("mysql://shop@DB:3307/stock", "mysql://shop@db:3307/stock"),
        ("mysql://sh%40p@[2001:db8::5]/st%2Fock", "mysql://sh%40p@[2001:db8::5]:3306/st%2Fock"),
        ("mysql://(/run/mysqld/mysqld.sock)", "mysql://mysqluser@(/run/mysqld/mysqld.sock)/dataentry"),
        ("mysql://%2Ftmp%2Fa%20b.sock/s", "mysql://mysqluser@(/tmp/a%20b.sock)/s"),
    ] {
        assert_shown(&Place::new().envs(&others).env("MYSQL_TLS", "false").flags(by_flag(url)), expected);
    }
    for (host, port, expected) in [
        ("db", "", "mysql://mysqluser@db:3306/dataentry"),
        ("db", "3307", "mysql://mysqluser@db:3307/dataentry"),
        ("db:3307", "", "mysql://mysqluser@db:3307/dataentry"),
        ("db:3307", "3307", "mysql://mysqluser@db:3307/dataentry"),
        ("::1", " 3307 ", "mysql://mysqluser@[::1]:3307/dataentry"),
        ("/tmp/mysql.sock", "", "mysql://mysqluser@(/tmp/mysql.sock)/dataentry"),
        // Kubernetes and Docker set this variable for a service called mysql.
        ("db", "tcp://10.96.0.14:3307", "mysql://mysqluser@db:3306/dataentry"),
    ] {
        let place =
            Place::new().envs(&[("DATABASE", "mysql:"), ("MYSQL_DATABASE", "dataentry"), ("MYSQL_USER", "mysqluser")]);
        assert_shown(&place.envs(&[("MYSQL_HOST", host), ("MYSQL_PORT", port), ("MYSQL_TLS", "no")]), expected);
    }
}

#[test]
fn a_higher_layer_overrides_each_part_and_a_port_belongs_to_its_host() {
    let place = || Place::new().dot_env("DATABASE=mysql://low@low:1/low\nMYSQL_TLS=false");
    for (name, value, expected) in [
        ("MYSQL_HOST", "high", "mysql://low@high:3306/low"),
        ("MYSQL_HOST", "low", "mysql://low@low:3306/low"),
        ("MYSQL_HOST", "high:2", "mysql://low@high:2/low"),
        ("MYSQL_HOST", "/tmp/high", "mysql://low@(/tmp/high)/low"),
        ("MYSQL_PORT", "2", "mysql://low@low:2/low"),
        ("MYSQL_USER", "high", "mysql://high@low:1/low"),
        ("MYSQL_DATABASE", "high", "mysql://low@low:1/high"),
        ("DATABASE", "mysql://high", "mysql://u@high:3306/n"),
        ("DATABASE", "mysql://high@high:2/high", "mysql://high@high:2/high"),
    ] {
        let lowest = if name == "DATABASE" { "\nMYSQL_USER=u\nMYSQL_DATABASE=n" } else { "" };
        let text = format!("DATABASE=mysql://low@low:1/low\nMYSQL_TLS=false{lowest}");
        assert_shown(&Place::new().dot_env(&text).env(name, value), expected);
    }
    // An overridden value may be wrong.
    let wrong = [("MYSQL_HOST", "a:b"), ("MYSQL_PORT", "x"), ("MYSQL_USER", "\u{7}"), ("MYSQL_DATABASE", "\u{7}")];
    assert_shown(&place().envs(&wrong).flags(by_flag("mysql://me@db:5/x")), "mysql://me@db:5/x");
    // Values that agree are not a conflict.
    let same = [("MYSQL_HOST", "LOW:1"), ("MYSQL_PORT", "1"), ("MYSQL_USER", "low"), ("MYSQL_DATABASE", "low")];
    assert_shown(
        &Place::new().envs(&same).envs(&[("DATABASE", "mysql://low@low/low"), ("MYSQL_TLS", "0")]),
        "mysql://low@low:1/low",
    );
}

#[test]
fn the_password_is_a_variable_or_the_only_line_of_a_file() {
    let place = || Place::new().env("DATABASE", "mysql://me@localhost/x");
    let private = |place: &Place| {
        fs::set_permissions(place.here().join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    };
    assert_eq!(shown(&place()).1, None, "an account may have no password");
    assert_eq!(shown(&place().env("MYSQL_PASSWORD", " $a'b ")).1.as_deref(), Some(" $a'b "));
    for text in ["p w", "p w\n", "p w\r\n", "p w\n\n", "\u{feff}p w\n"] {
        let place = place().file("secret", text).env("MYSQL_PASSWORD_FILE", "secret");
        private(&place);
        assert_eq!(shown(&place).1.as_deref(), Some("p w"), "{text:?}");
        assert_eq!(place.settings().notices, Vec::<String>::new());
    }
    let beside = place().settings_file("mysql_password_file = 'secret'");
    fs::write(beside.settings_path().with_file_name("secret"), "beside").unwrap();
    assert_eq!(shown(&beside).1.as_deref(), Some("beside"), "the path starts at the folder of the settings file");

    let both = || place().file("secret", "file").dot_env("MYSQL_PASSWORD_FILE=secret");
    assert_eq!(shown(&both()).1.as_deref(), Some("file"));
    assert_eq!(shown(&both().env("MYSQL_PASSWORD", "variable")).1.as_deref(), Some("variable"));
    let overridden =
        place().dot_env("MYSQL_PASSWORD=variable").file("secret", "file").env("MYSQL_PASSWORD_FILE", "secret");
    assert_eq!(shown(&overridden).1.as_deref(), Some("file"));
}

#[test]
fn a_password_file_that_others_can_read_gives_a_notice() {
    let place = Place::new()
        .env("DATABASE", "mysql://me@localhost/x")
        .file("secret", "hunter2")
        .env("MYSQL_PASSWORD_FILE", "secret");
    let path = place.here().join("secret");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let notices = place.settings().notices;
    let expected = format!(
        "Other users can read or change the password file {path:?} (MYSQL_PASSWORD_FILE in the environment); run: chmod 600 "
    );
    assert!(notices.len() == 1 && notices[0].starts_with(&expected), "{notices:?}");
}

#[test]
fn tls_is_used_beyond_this_machine_unless_it_is_turned_off() {
    let on = |file: Option<&str>| MySqlTls::On { root_certificates: file.map(PathBuf::from) };
    for (host, tls, ca, expected) in [
        ("localhost", "", false, None),
        ("127.0.0.1", "", false, None),
        ("[::1]", "", false, None),
        ("(%2Ftmp%2Fmysql.sock)", "", false, None),
        ("(%2Ftmp%2Fmysql.sock)", "false", false, None),
        ("localhost", "false", false, None),
        ("localhost", "true", false, Some(false)),
        ("localhost", "", true, Some(true)),
        ("localhost", "yes", true, Some(true)),
        ("db", "", false, Some(false)),
        ("db", "true", false, Some(false)),
        ("db", "", true, Some(true)),
        ("10.1.2.3", "", false, Some(false)),
        ("localhost.example.com", "", false, Some(false)),
    ] {
        let place =
            Place::new().file("ca.pem", PEM).env("DATABASE", &format!("mysql://me@{host}/x")).env("MYSQL_TLS", tls);
        let place = if ca { place.env("MYSQL_CA", "ca.pem") } else { place };
        let file = place.here().join("ca.pem");
        let expected = expected.map_or(MySqlTls::Off, |with_ca| on(file.to_str().filter(|_| with_ca)));
        let settings = place.settings();
        assert_eq!(mysql_of(&settings).tls, expected, "{host} {tls} {ca}");
        assert_eq!(settings.notices, Vec::<String>::new(), "{host} {tls} {ca}");
    }
    let beside = Place::new().settings_file("database = 'mysql://me@db/x'\nmysql_tls = true\nmysql_ca = 'ca.pem'");
    let file = beside.settings_path().with_file_name("ca.pem");
    fs::write(&file, PEM).unwrap();
    assert_eq!(mysql_of(&beside.settings()).tls, on(file.to_str()));
}

#[test]
fn a_connection_without_tls_and_a_setting_without_effect_give_a_notice() {
    let notices = |host: &str, dot_env: &str, environment: &[(&str, &str)]| {
        let place = Place::new().env("DATABASE", &format!("mysql://me@{host}/x")).dot_env(dot_env);
        place.envs(environment).settings().notices
    };
    assert_eq!(
        notices("db", "", &[("MYSQL_TLS", "false")]),
        ["The connection to the MySQL server db is not encrypted: MYSQL_TLS in the environment is false."]
    );
    // A command can turn TLS off although a lower layer names certificates.
    assert_eq!(
        notices("localhost", "MYSQL_CA=absent.pem", &[("MYSQL_TLS", "false")]).len(),
        1,
        "the certificates had no effect"
    );
    let socket = notices("(/tmp/s)", "", &[("MYSQL_PORT", "3307"), ("MYSQL_CA", "absent.pem")]);
    assert_eq!(
        socket,
        [
            "MYSQL_PORT in the environment had no effect: DATABASE in the environment names a Unix socket.",
            "MYSQL_CA in the environment had no effect: a Unix socket needs no TLS."
        ]
    );
}

#[test]
fn variables_of_mysql_give_exactly_one_notice_if_the_database_is_a_file() {
    let [_, others @ ..] = ORIGINAL;
    for place in [
        Place::new().envs(&others),
        Place::new().envs(&others).env("DATABASE", "./x.json"),
        Place::new().envs(&others).flags(by_flag("x.json")),
        Place::new().envs(&others).envs(&[("MYSQL_PORT", "x"), ("MYSQL_TLS", "maybe"), ("MYSQL_CA", "/absent")]),
        Place::new()
            .dot_env("MYSQL_HOST=\"a\nMYSQL_USER=$x\nMYSQL_PASSWORD=a\nMYSQL_PASSWORD=b\nMYSQL_PASSWORD_FILE=~x\n"),
        Place::new().settings_file("mysql_tls = true"),
    ] {
        let notices = place.settings().notices;
        assert!(notices.len() == 1 && notices[0].contains("To keep it in MySQL, set DATABASE=mysql:."), "{notices:?}");
        assert!(place.read().settings(&[Area::Connection]).unwrap().notices.is_empty(), "it concerns the database");
    }
    let link = Place::new().envs(&[("MYSQL_PORT", "tcp://10.96.0.14:3306"), ("MYSQL_SERVICE_HOST", "10.96.0.14")]);
    assert_eq!(link.settings().notices, Vec::<String>::new(), "Kubernetes sets these for a service called mysql");
    let selected = Place::new().envs(&ORIGINAL).env("MYSQL_PORT", "'3307'").settings();
    assert!(selected.notices.len() == 1 && selected.notices[0].contains("quotes"), "{:?}", selected.notices);
}

#[test]
fn config_shows_every_part_and_its_origin() {
    let [selects, _, others @ ..] = ORIGINAL;
    let place = Place::new().envs(&others).envs(&[selects, ("MYSQL_TLS", "off")]).dot_env("MYSQL_HOST=db");
    let rows = |place: &Place| {
        let of_mysql = |key: &str| key == "database" || key.to_lowercase().starts_with("mysql_");
        let shown = place.read().shown().into_iter().filter(|shown| of_mysql(shown.key));
        shown.map(|shown| format!("{} {} {}", shown.key, shown.value, shown.origin.name)).collect::<Vec<_>>()
    };
    assert_eq!(
        rows(&place),
        [
            "database \"mysql://mysqluser@db:3306/dataentry\" DATABASE",
            "mysql_password_file null MYSQL_PASSWORD_FILE",
            "mysql_tls false MYSQL_TLS",
            "mysql_ca null MYSQL_CA",
            "MYSQL_HOST \"db\" MYSQL_HOST",
            "MYSQL_PORT 3306 MYSQL_PORT",
            "MYSQL_DATABASE \"dataentry\" MYSQL_DATABASE",
            "MYSQL_USER \"mysqluser\" MYSQL_USER",
            "MYSQL_PASSWORD \"set, not shown\" MYSQL_PASSWORD",
        ]
    );
    let by_url = Place::new().flags(by_flag("mysql://me@(/tmp/s)/x")).file("p", "pw").env("MYSQL_PASSWORD_FILE", "p");
    let file = by_url.here().join("p");
    assert_eq!(
        rows(&by_url),
        [
            "database \"mysql://me@(/tmp/s)/x\" --database".to_owned(),
            format!("mysql_password_file {file:?} MYSQL_PASSWORD_FILE"),
            "mysql_tls false MYSQL_TLS".to_owned(),
            "mysql_ca null MYSQL_CA".to_owned(),
            "MYSQL_HOST \"/tmp/s\" --database".to_owned(),
            "MYSQL_PORT null MYSQL_PORT".to_owned(),
            "MYSQL_DATABASE \"x\" --database".to_owned(),
            "MYSQL_USER \"me\" --database".to_owned(),
            "MYSQL_PASSWORD \"set, not shown\" MYSQL_PASSWORD_FILE".to_owned(),
        ]
    );
    let wrong =
        Place::new().envs(&[("DATABASE", "mysql:"), ("MYSQL_HOST", "a:b"), ("MYSQL_USER", "me"), ("MYSQL_CA", "c")]);
    assert_eq!(
        rows(&wrong),
        [
            "database \"set, not valid\" DATABASE",
            "mysql_password_file null MYSQL_PASSWORD_FILE",
            "mysql_tls null MYSQL_TLS",
            "mysql_ca \"c\" MYSQL_CA",
            "MYSQL_HOST \"set, not valid\" MYSQL_HOST",
            "MYSQL_USER \"me\" MYSQL_USER",
        ]
    );
}

/// A worker process gets the database as a flag, and reads everything else itself.
#[test]
fn a_child_process_resolves_the_same_database() {
    for (url, lines) in [
        ("mysql:", "MYSQL_HOST=db:3307\nMYSQL_USER=me\nMYSQL_DATABASE=x\nMYSQL_PASSWORD=pw"),
        ("mysql://a%3Ab@db/x%20y", "MYSQL_PASSWORD_FILE=secret\nMYSQL_CA=ca.pem"),
        ("mysql://me@db/x", "MYSQL_TLS=false\nMYSQL_PORT=3308"),
        ("mysql:///%2F", "MYSQL_HOST=/tmp/my sql@1:2.sock\nMYSQL_USER=(me)\nMYSQL_PORT=1"),
        ("mysql://[2001:db8::5]", "MYSQL_USER=b\u{fc}cher\nMYSQL_DATABASE=100%\nMYSQL_TLS=true"),
    ] {
        let place = || Place::new().dot_env(lines).file("ca.pem", PEM).file("secret", "hunter2").env("DATABASE", url);
        let parent = place();
        let settings = parent.settings();
        let flag = settings.database.location.to_string();
        assert!(!flag.contains("pw") && !flag.contains("hunter2"), "{flag}");
        let child = parent.flags(by_flag(&flag));
        assert_eq!(format!("{:?}", mysql_of(&child.settings())), format!("{:?}", mysql_of(&settings)), "{url}");
        assert_eq!(shown(&child), shown(&place()), "{url}");
    }
}

fn any_host() -> impl Strategy<Value = MySqlHost> {
    let name = "[a-z][a-z0-9_-]{0,20}(\\.[a-z]{1,9}){0,3}";
    let ipv4 =
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()).prop_filter("every interface", |ip| ip != "0.0.0.0");
    let ipv6 =
        any::<std::net::Ipv6Addr>().prop_map(|ip| ip.to_string()).prop_filter("every interface", |ip| ip != "::");
    let tcp = (prop_oneof![name, ipv4, ipv6], 1_u16..).prop_map(|(host, port)| MySqlHost::Tcp { host, port });
    prop_oneof![tcp, "/\\PC{1,20}".prop_map(|path| MySqlHost::Socket(path.into()))]
}

proptest! {
    #[test]
    fn a_displayed_database_is_a_value_of_database(host in any_host(), user in "\\PC{1,40}", name in "\\PC{1,40}") {
        let database = MySqlDatabase { host, user, name, password: Some("hunter2".into()), tls: MySqlTls::Off };
        let text = database.to_string();
        prop_assert!(mysql_url::selects_mysql(&text) && !text.contains(char::is_whitespace), "{}", text);
        let server = match database.host {
            MySqlHost::Tcp { host, port } => Server { host: ServerHost::Name(host), port: Some(port) },
            MySqlHost::Socket(path) => Server { host: ServerHost::Socket(path), port: None },
        };
        let expected = UrlParts { user: Some(database.user), server: Some(server), name: Some(database.name) };
        prop_assert_eq!(mysql_url::parse(&text), Ok(expected), "{}", text);
    }

    /// No value is shown, whatever it is, and none makes the program panic.
    #[test]
    fn no_url_is_shown_in_its_error(before in "[ -~]{0,8}", after in "\\PC{0,12}") {
        let text = format!("mysql://{before}hunter2{after}");
        if let Err(error) = mysql_url::parse(&text) {
            prop_assert!(!format!("{error} {error:?}").contains("hunter2"), "{}", error);
        }
        if text["mysql://".len()..].rsplit_once('@').is_some_and(|(login, _)| login.contains(':')) {
            prop_assert_eq!(mysql_url::parse(&text), Err(MySqlUrlError::Password));
        }
    }
}
