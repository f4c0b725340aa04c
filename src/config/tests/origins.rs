//! The origins that are shown for values.

use super::*;

#[test]
fn without_anything_every_value_is_a_default_or_the_environments() {
    let place = Place::new();
    let effective = place.effective();
    for shown in effective.shown() {
        let expected = match shown.key {
            "ascii" | "state_dir" | "cache_dir" => Layer::Environment,
            // Because TERM is not set.
            "plain" => Layer::Absent,
            _ => Layer::Default,
        };
        assert_eq!(shown.origin.layer, expected, "{}", shown.key);
    }
    assert_eq!(place.origin("state_dir"), "HOME in the environment");
    assert_eq!(effective.dot_env, LayerFile { path: place.here().join(".env"), present: false, ignored: None });
    assert_eq!(effective.settings_file, Some(LayerFile { path: place.settings_path(), present: false, ignored: None }));
}

#[test]
fn each_layer_is_named_if_its_value_applies() {
    let place = Place::new()
        .settings_file("namespace = 'low'\ncheck_interval = 7\n\n  log_level = 'warn'")
        .dot_env("TASKQUEUE=q\nTEMPORAL_NAMESPACE=n")
        .envs(&[("TEMPORAL_HOST", "h"), ("TEMPORAL_TLS", "false")])
        .flags(Flags { database: Some("d.json".into()), ..Flags::default() });
    let (env_file, file) = (place.here().join(".env"), place.settings_path());
    let cases = [
        ("database", "--database on the command line".to_owned()),
        ("address", "TEMPORAL_HOST in the environment".to_owned()),
        ("task_queue", format!("TASKQUEUE in {env_file:?}")),
        ("namespace", format!("TEMPORAL_NAMESPACE in {env_file:?}")),
        ("check_interval", format!("check_interval in {file:?}, line 2, column 18")),
        ("log_level", format!("log_level in {file:?}, line 4, column 15")),
        ("temporal_cli", "TEMPORAL_CLI by default".to_owned()),
    ];
    for (key, origin) in cases {
        assert_eq!(place.origin(key), origin);
    }
}

#[test]
fn settings_without_effect_are_shown_too() {
    let place = Place::new().envs(&[("MYSQL_HOST", "db"), ("TEMPORAL_URL", "localhost:1")]);
    let all = place.effective().shown();
    let others: Vec<_> = all.iter().skip_while(|shown| shown.key != "IDEMPOTENCE_CODEC_TOKEN").skip(1).collect();
    let keys: Vec<_> = others.iter().map(|shown| (shown.key, shown.value.as_str().unwrap())).collect();
    assert_eq!(keys, [("MYSQL_HOST", "db")]);
}

#[test]
fn keys_come_in_the_order_of_the_settings_file() {
    let place = Place::new();
    let effective = place.effective();
    let shown: Vec<_> = effective.shown().iter().map(|shown| shown.key).collect();
    let keys: Vec<_> = names::KEYS.iter().map(|key| key.key).collect();
    assert_eq!(shown[..keys.len()], keys);
}

#[test]
fn a_login_is_not_shown_in_a_setting_that_has_none() {
    let place = Place::new().env("MYSQL_HOST", "mysql://me:hunter2@db").env("MYSQL_USER", "me@db");
    let effective = place.effective();
    let shown = |key| effective.shown().into_iter().find(|shown| shown.key == key).unwrap().value;
    assert_eq!((shown("MYSQL_HOST"), shown("MYSQL_USER")), ("set, not shown".into(), "me@db".into()));
}

#[test]
fn a_value_that_is_not_valid_is_shown_as_such_and_not_as_the_default() {
    for (name, value, key) in [
        ("TEMPORAL_ADDRESS", "a:b", "address"),
        ("TEMPORAL_URL", "a:b", "address"),
        ("TEMPORAL_TASK_QUEUE", "a\tb", "task_queue"),
        ("IDEMPOTENCE_THEME", "pink", "theme"),
        ("IDEMPOTENCE_CODEC_TOKEN", "x", "IDEMPOTENCE_CODEC_TOKEN"),
        ("IDEMPOTENCE_REFUSE_PLAINTEXT", "yep", "IDEMPOTENCE_REFUSE_PLAINTEXT"),
    ] {
        let all = Place::new().env(name, value).read().shown();
        let shown = all.iter().find(|shown| shown.key == key).unwrap();
        assert_eq!((shown.value.as_str(), shown.origin.name), (Some("set, not valid"), name));
        assert_eq!(all.iter().filter(|shown| shown.value == "set, not valid").count(), 1, "{name}");
    }
    let flag = Place::new().flags(flag("a:b")).read().shown();
    assert_eq!(flag[0].origin.to_string(), "--address on the command line");
    let file = Place::new().settings_file("theme = 'pink'").read().shown();
    assert!(file.iter().any(|shown| shown.key == "theme" && shown.value == "set, not valid"), "{file:?}");
}
