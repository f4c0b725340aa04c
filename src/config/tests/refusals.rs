//! Refused values and their error messages, which must not contain secrets.

use super::*;

#[test]
fn a_value_that_is_not_understood_is_an_error_with_its_place() {
    let cases = [
        ("TEMPORAL_ADDRESS", "a:b"),
        ("TEMPORAL_NAMESPACE", "a\u{1b}b"),
        ("TASKQUEUE", "a\u{7}b"),
        ("CHECK_TRANSFER_TASKQUEUE_TIMER", "0"),
        ("IDEMPOTENCE_COMPACT_AFTER", "1000001"),
        ("TEMPORAL_TLS", "maybe"),
        ("TEMPORAL_INSECURE_SKIP_VERIFY", "flase"),
        ("ENCRYPT_PAYLOAD", "ture"),
        ("DATABASE", "~/inventory.json"),
        ("TEMPORAL_CLI", "~/bin/temporal"),
        ("IDEMPOTENCE_THEME", "solarized"),
        ("IDEMPOTENCE_ASCII", "maybe"),
        ("IDEMPOTENCE_STILL", "very"),
        ("IDEMPOTENCE_CONNECT_TIMEOUT", "0"),
        ("IDEMPOTENCE_METRICS", "localhost"),
        ("IDEMPOTENCE_REFUSE_PLAINTEXT", "yep"),
        ("IDEMPOTENCE_INSECURE_SAMPLE_KEY", "sure"),
        ("TEMPORAL_SERVER_NAME", "https://x"),
        ("TEMPORAL_CONFIG_FILE", "~/temporal.toml"),
    ];
    for (name, value) in cases {
        let error = Place::new().env(name, value).error();
        assert!(matches!(&error, SettingsError::Invalid { origin, .. } if origin.name == name), "{error}");
        let message = error.to_string();
        assert!(message.starts_with(&format!("{name} in the environment is {value:?}: ")), "{message}");
        assert!(!message.contains(char::is_control), "{message:?}");
    }
}

#[test]
fn no_message_and_no_debug_output_carries_a_secret() {
    const SECRET: &str = "hunter2";
    let secrets = [("TEMPORAL_API_KEY", SECRET), ("MYSQL_PASSWORD", SECRET)];
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}");
    let refused = [
        Place::open().envs(&secrets).env("TEMPORAL_SERVER_NAME", "x"),
        Place::new().dot_env(&format!("TEMPORAL_API_KEY='{SECRET}'$x")),
        Place::new().dot_env(&format!("TEMPORAL_API_KEY {SECRET}")),
        Place::new().dot_env(&format!("TEMPORAL_API_KEY={SECRET}\nTEMPORAL_API_KEY={SECRET}2")),
        Place::new().dot_env(&format!("TEMPORAL_API_KEY=\"{SECRET}")),
        Place::new().env("TEMPORAL_URL", &format!("https://me:{SECRET}@localhost")),
        Place::new().flags(flag(&format!("me:{SECRET}@localhost"))),
        Place::new().env("TEMPORAL_TLS_CERT", &pem).env("TEMPORAL_TLS_KEY", &pem),
        Place::new().file("c.pem", "").env("TEMPORAL_TLS_CERT", "c.pem").env("TEMPORAL_TLS_KEY", SECRET),
        Place::new().env("IDEMPOTENCE_CODEC_TOKEN", SECRET),
        Place::new().envs(&[
            ("TEMPORAL_TLS_KEY", SECRET),
            ("TEMPORAL_TLS_CLIENT_KEY_DATA", "other"),
            ("TEMPORAL_TLS_CERT", "c.pem"),
        ]),
        Place::new().profiles(&format!("[profile.default]\napi_key = {SECRET}")),
        Place::new().profiles(&format!("[profile.default]\naddress = \"me:{SECRET}@x\"")),
        Place::new().settings_file(format!("api_key = {SECRET}")),
        Place::new().settings_file(format!("api_key = '{SECRET}'")),
        Place::new().settings_file(format!("check_interval = '{SECRET}'")),
        Place::new().settings_file(format!("address = 'me:{SECRET}@localhost'")),
        Place::new().settings_file(format!("theme = '{SECRET}\n{SECRET}")),
    ];
    for place in refused {
        let error = place.error();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
    let kept = [
        ("MYSQL_PASSWORD", SECRET),
        ("TEMPORAL_API_KEY", SECRET),
        ("IDEMPOTENCE_ENCRYPTION_KEYS", SECRET),
        ("IDEMPOTENCE_CODEC_TOKEN", "hunter2hunter2hunter2"),
        ("TEMPORAL_TLS_CLIENT_CERT_DATA", SECRET),
        ("TEMPORAL_TLS_CLIENT_KEY_DATA", SECRET),
    ];
    let accepted = Place::new().envs(&kept);
    assert!(!format!("{:?}", accepted.settings()).contains(SECRET));
    let (effective, notes) = (accepted.effective(), "set, not shown");
    assert!(!format!("{effective:?}").contains(SECRET));
    let hidden =
        effective.shown().iter().filter(|shown| shown.value == notes).map(|shown| shown.key).collect::<Vec<_>>();
    let secrets = [
        "tls_cert",
        "tls_key",
        "TEMPORAL_API_KEY",
        "IDEMPOTENCE_ENCRYPTION_KEYS",
        "IDEMPOTENCE_CODEC_TOKEN",
        "MYSQL_PASSWORD",
    ];
    assert_eq!(hidden, secrets);
}

#[test]
fn a_bad_env_file_is_reported_with_file_and_line() {
    let place = Place::new().dot_env("# mine\nTASKQUEUE=q\nTEMPORAL_API_KEY 'x'\n");
    let start = format!("{:?}, line 3: this is not a setting", place.here().join(".env"));
    let message = place.error().to_string();
    assert!(message.starts_with(&start), "{message}");

    let twice = Place::new().dot_env("TASKQUEUE=a\n\nTASKQUEUE=b").error();
    assert!(twice.to_string().contains("sets TASKQUEUE to different values on lines 1 and 3"), "{twice}");
    assert_eq!(Place::new().dot_env("TASKQUEUE=a\nTASKQUEUE=a").settings().task_queue, "a");
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf8_is_an_error_for_our_names_only() {
    use std::os::unix::ffi::OsStringExt;

    let not_utf8 = || OsString::from_vec(vec![b'a', 0xff]);
    let mut place = Place::new();
    place.environment.push(("ANOTHER_PROGRAMS".into(), not_utf8()));
    place.environment.push((not_utf8(), not_utf8()));
    place.settings();
    place.environment.push(("TASKQUEUE".into(), not_utf8()));
    assert!(place.error().to_string().starts_with("TASKQUEUE in the environment is not valid UTF-8"));
}
