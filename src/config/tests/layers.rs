//! Which layer and which name decides.

use super::*;
use crate::domain::KeyPolicy;

#[test]
fn d15_temporal_url_is_obeyed() {
    // On another machine, connecting without TLS must be requested.
    let remote = Place::open;
    let by_environment = remote().env("TEMPORAL_URL", "temporal.example.com:7234").settings();
    assert_eq!(by_environment.address.to_string(), "temporal.example.com:7234");
    let by_file = remote().dot_env(&shipped(".env-dist").replace("localhost:7233", "10.1.2.3:7234")).settings();
    assert_eq!(by_file.address.to_string(), "10.1.2.3:7234");
}

#[test]
fn without_settings_the_defaults_apply() {
    let place = Place::new();
    let home = place.root.path().join("home");
    let settings = place.settings();
    assert_eq!(settings.child_flags(), ["--encrypt-payload=false", "--tls=false", "--supplier=none"]);
    assert_eq!(settings.address, Address::default());
    assert!(matches!(settings.transport, Transport::Plaintext) && settings.api_key.is_none());
    assert_eq!((settings.namespace.as_str(), settings.task_queue.as_str()), ("default", "inventory-task-queue"));
    let stock = (home.join(".local/state/idempotence/inventory.json"), false);
    assert_eq!((file_of(&settings.database), settings.check_interval), (stock, Duration::from_secs(1)));
    assert_eq!((settings.connect_timeout, settings.metrics), (Duration::from_secs(5), None));
    assert_eq!(settings.compact_after, 64);
    assert_eq!(Place::new().env("IDEMPOTENCE_COMPACT_AFTER", "0").settings().compact_after, 0);
    assert_eq!(
        (settings.log_level, settings.temporal_cli, settings.appearance),
        (Level::INFO, None, Appearance::default())
    );
    assert_eq!(settings.state_dir, home.join(".local/state/idempotence"));
    assert_eq!(settings.cache_dir, home.join(".cache/idempotence"));
    assert_eq!(settings.notices, Vec::<String>::new());
}

#[test]
fn every_name_of_the_server_and_the_queue_is_obeyed_in_both_layers() {
    for name in names::SERVER {
        assert_eq!(Place::open().env(name, "a:1").settings().address.to_string(), "a:1", "{name}");
        assert_eq!(Place::open().dot_env(&format!("{name}=a:1")).settings().address.to_string(), "a:1", "{name}");
    }
    for name in names::QUEUE {
        assert_eq!(Place::new().env(name, "q").settings().task_queue, "q", "{name}");
        assert_eq!(Place::new().dot_env(&format!("export {name}=q")).settings().task_queue, "q", "{name}");
    }
}

#[test]
fn flags_override_environment_overrides_file_overrides_defaults() {
    let lowest = Place::new().settings_file("address = 'lowest:0'").error();
    assert!(lowest.to_string().contains("the port must be a number"), "{lowest}");
    let lowest = || Place::open().settings_file("address = 'lowest:9'\nnamespace = 'lowest'\ncheck_interval = 9");
    let settings = lowest().settings();
    assert_eq!((settings.address.to_string().as_str(), settings.namespace.as_str()), ("lowest:9", "lowest"));

    let file = || lowest().dot_env("TEMPORAL_URL=file:1\nTASKQUEUE=file\nTEMPORAL_NAMESPACE=file\nLOG_LEVEL=warn");
    let settings = file().settings();
    assert_eq!(settings.check_interval, Duration::from_secs(9), "what no layer above it sets");
    assert_eq!((settings.address.to_string().as_str(), settings.task_queue.as_str()), ("file:1", "file"));
    assert_eq!((settings.namespace.as_str(), settings.log_level), ("file", Level::WARN));

    // Aliases across layers: the higher layer overrides the lower one as a whole, even with another name.
    let environment = [("TEMPORAL_HOST", "env:2"), ("TRANSFER_MONEY_TASK_QUEUE", "env"), ("LOG_LEVEL", "DEBUG")];
    let settings = file().envs(&environment).settings();
    assert_eq!((settings.address.to_string().as_str(), settings.task_queue.as_str()), ("env:2", "env"));
    assert_eq!((settings.namespace.as_str(), settings.log_level), ("file", Level::DEBUG));

    let flags = Flags { task_queue: Some("flag".to_owned()), namespace: Some("flag".to_owned()), ..flag("flag:3") };
    let settings = file().envs(&environment).flags(flags).settings();
    assert_eq!((settings.address.to_string().as_str(), settings.task_queue.as_str()), ("flag:3", "flag"));
    assert_eq!(settings.namespace, "flag");
}

#[test]
fn a_lower_layer_that_is_overridden_is_not_looked_at() {
    let disputed = Place::open().dot_env("TEMPORAL_URL=a:1\nTEMPORAL_HOST=b:2\nCHECK_TRANSFER_TASKQUEUE_TIMER=0");
    let settings = disputed.env("TEMPORAL_ADDRESS", "c:3").env("CHECK_TRANSFER_TASKQUEUE_TIMER", "7").settings();
    assert_eq!((settings.address.to_string().as_str(), settings.check_interval), ("c:3", Duration::from_secs(7)));
}

#[test]
fn two_names_with_different_values_in_one_layer_are_an_error() {
    let cases = [
        ("TEMPORAL_ADDRESS", "a:1", "TEMPORAL_URL", "b:1"),
        ("TEMPORAL_URL", "localhost:7233", "TEMPORAL_HOST", "127.0.0.1:7233"),
        ("TEMPORAL_HOST_URL", "a:1", "TEMPORAL_HOST", "a:2"),
        ("TASKQUEUE", "one", "TRANSFER_MONEY_TASK_QUEUE", "two"),
    ];
    for (first, one, second, two) in cases {
        let reported = |place: Place, layer: &str| {
            let message = place.error().to_string();
            let expected = format!("{first} is \"{one}\" but {second} is \"{two}\", both in {layer}");
            assert!(message.starts_with(&expected), "{message}");
        };
        reported(Place::new().envs(&[(second, two), (first, one)]), "the environment");
        let place = Place::new().dot_env(&format!("{first}={one}\n{second}={two}"));
        let file = format!("{:?}", place.here().join(".env"));
        reported(place, &file);
    }
}

#[test]
fn names_that_agree_after_normalisation_are_not_a_conflict() {
    let same = ["localhost", "LOCALHOST:7233", "http://localhost:7233/", ":7233"];
    let pairs: Vec<_> = names::SERVER.into_iter().zip(same).collect();
    assert_eq!(Place::new().envs(&pairs).settings().address, Address::default());
    let queues = [("TASKQUEUE", "q"), ("TRANSFER_MONEY_TASK_QUEUE", " q ")];
    assert_eq!(Place::new().envs(&queues).settings().task_queue, "q");
}

#[test]
fn an_empty_variable_is_unset_and_an_empty_flag_is_an_error() {
    let everything_empty = NAMES.iter().fold(Place::new(), |place, entry| place.env(entry.name, ""));
    assert_eq!(everything_empty.settings().notices, Vec::<String>::new());
    let blank = Place::open().dot_env("TEMPORAL_URL=file:1\nTASKQUEUE=' '").env("TEMPORAL_URL", " ").settings();
    assert_eq!((blank.address.to_string().as_str(), blank.task_queue.as_str()), ("file:1", DEFAULT_TASK_QUEUE));
    let empty = || Some(String::new());
    for flags in [
        Flags { address: empty(), ..Flags::default() },
        Flags { namespace: empty(), ..Flags::default() },
        Flags { task_queue: empty(), ..Flags::default() },
        Flags { profile: empty(), ..Flags::default() },
        Flags { tls: empty(), ..Flags::default() },
        Flags { server_name: empty(), ..Flags::default() },
        Flags { insecure_skip_verify: empty(), ..Flags::default() },
        Flags { encrypt_payload: empty(), ..Flags::default() },
        Flags { database: Some(PathBuf::new()), ..Flags::default() },
        Flags { temporal_cli: Some(PathBuf::new()), ..Flags::default() },
        Flags { theme: empty(), ..Flags::default() },
        Flags { ascii: empty(), ..Flags::default() },
        Flags { still: empty(), ..Flags::default() },
    ] {
        let message = Place::new().flags(flags).error().to_string();
        assert!(message.starts_with("--") && message.contains("on the command line is \"\": it "), "{message}");
    }
}

#[test]
fn a_supplier_is_an_address_or_none() {
    let place = || Place::new().env("SUPPLIER_URL", "http://127.0.0.1:8855");
    let settings = place().env("IDEMPOTENCE_SUPPLIER_KEY", "lookup").settings();
    assert_eq!(settings.supplier.as_ref().map(ToString::to_string).as_deref(), Some("http://127.0.0.1:8855"));
    assert_eq!(settings.child_flags()[2..], ["--supplier=http://127.0.0.1:8855", "--supplier-key=lookup"]);
    let off = place().flags(Flags { supplier: Some("none".into()), ..Flags::default() }).settings();
    assert_eq!((off.supplier, off.supplier_key), (None, KeyPolicy::Header));
    for (name, value, expected) in [
        ("SUPPLIER_URL", "8855", "http://127.0.0.1:8855"),
        ("SUPPLIER_URL", "http://me:secret@host", "user name"),
        ("SUPPLIER_URL", "http://host/?a=b", "no '?'"),
        ("IDEMPOTENCE_SUPPLIER_KEY", "always", "header, outbox, lookup or none"),
    ] {
        let error = Place::new().env(name, value).error().to_string();
        assert!(error.contains(expected) && !error.contains("secret"), "{error}");
    }
}
