//! Payload encryption: the places of keys, and the errors without one.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// The key of Temporal's public samples.
const BASE64: &str = "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE=";

fn on() -> Place {
    Place::new().envs(&[("ENCRYPT_PAYLOAD", "true"), ("DATACONVERTER_ENCRYPTION_KEY_ID", "mysecretkey")])
}

fn key_file(place: &Place) -> PathBuf {
    place.settings_path().with_file_name("encryption-keys.toml")
}

fn with_key_file(place: Place, text: &str, mode: u32) -> Place {
    let file = key_file(&place);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    place
}

#[test]
fn encryption_is_off_unless_it_is_requested() {
    assert!(Place::new().settings().codec.is_none());
    let idle = Place::new().envs(&[
        ("ENCRYPT_PAYLOAD", "false"),
        ("DATACONVERTER_ENCRYPTION_KEY_ID", "mysecretkey"),
        ("IDEMPOTENCE_REFUSE_PLAINTEXT", "true"),
    ]);
    let settings = idle.settings();
    assert!(settings.codec.is_none());
    let names = ["DATACONVERTER_ENCRYPTION_KEY_ID", "IDEMPOTENCE_REFUSE_PLAINTEXT"];
    assert_eq!(settings.notices.len(), names.len());
    for (notice, name) in settings.notices.iter().zip(names) {
        assert_eq!(*notice, format!("{name} in the environment had no effect: payload encryption is off."));
    }
}

#[test]
fn keys_come_from_the_file_the_environment_or_both() {
    let from_file = with_key_file(on(), &format!("mysecretkey = \"{BASE64}\"\n"), 0o600);
    assert_eq!(from_file.settings().codec.unwrap().ring().active().as_str(), "mysecretkey");
    let from_environment = on().env("IDEMPOTENCE_ENCRYPTION_KEYS", &format!("mysecretkey:{BASE64},old:{BASE64}"));
    assert_eq!(from_environment.settings().codec.unwrap().ring().ids().count(), 2);
    let both = with_key_file(on(), &format!("old = \"{BASE64}\"\n"), 0o600);
    let both = both.env("IDEMPOTENCE_ENCRYPTION_KEYS", &format!("mysecretkey:{BASE64}"));
    assert_eq!(both.settings().codec.unwrap().ring().ids().count(), 2);
    let flags = Flags { encrypt_payload: Some("true".to_owned()), ..Flags::default() };
    let by_flag = from_file.env("ENCRYPT_PAYLOAD", "").flags(flags).settings();
    assert!(by_flag.codec.is_some() && by_flag.child_flags()[0] == "--encrypt-payload=true");
}

#[test]
fn without_a_key_nothing_starts_and_the_error_explains_how_to_create_one() {
    let unnamed = Place::new().env("ENCRYPT_PAYLOAD", "true").error().to_string();
    assert!(unnamed.contains("set DATACONVERTER_ENCRYPTION_KEY_ID"), "{unnamed}");
    let absent = on().error().to_string();
    let start = "DATACONVERTER_ENCRYPTION_KEY_ID in the environment: there is no key 'mysecretkey' to encrypt with";
    assert!(absent.starts_with(start) && absent.ends_with("idempotence keys add 'mysecretkey'"), "{absent}");
    let named = on().env("IDEMPOTENCE_ENCRYPTION_KEY_FILE", "nowhere.toml").error();
    assert!(matches!(named, SettingsError::KeyFile(_)), "{named}");
    let open = with_key_file(on(), &format!("mysecretkey = \"{BASE64}\"\n"), 0o644).error().to_string();
    assert!(open.contains("chmod 600"), "{open}");
    let key_as_id = on().env("DATACONVERTER_ENCRYPTION_KEY_ID", BASE64).error().to_string();
    assert!(key_as_id.contains("looks like a key") && !key_as_id.contains(BASE64), "{key_as_id}");
    for id in [BASE64.to_owned(), format!("mysecretkey:{BASE64}")] {
        let shown = on().env("DATACONVERTER_ENCRYPTION_KEY_ID", &id).effective().shown();
        assert!(!format!("{shown:?}").contains(BASE64), "{shown:?}");
    }
}

#[test]
fn no_message_about_keys_shows_one() {
    let secret = "dG9vLXNob3J0LXNlY3JldA==";
    for place in [
        on().env("IDEMPOTENCE_ENCRYPTION_KEYS", secret),
        on().env("IDEMPOTENCE_ENCRYPTION_KEYS", &format!("mysecretkey:{secret}")),
        on().env("IDEMPOTENCE_ENCRYPTION_KEYS", &format!("k1:{BASE64};mysecretkey:{BASE64}")),
        on().env("DATACONVERTER_ENCRYPTION_KEY_ID", &format!("mysecretkey:{BASE64}")),
        with_key_file(on(), &format!("mysecretkey = \"{secret}\"\n"), 0o600),
        with_key_file(on(), &format!("mysecretkey = {secret}\n"), 0o600),
        with_key_file(on(), &format!("old = \"{BASE64}\"\n"), 0o600)
            .env("IDEMPOTENCE_ENCRYPTION_KEYS", &format!("old:{BASE64}")),
    ] {
        let error = place.error();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(secret) && !shown.contains(BASE64), "{shown}");
    }
    let effective = on().env("IDEMPOTENCE_ENCRYPTION_KEYS", &format!("mysecretkey:{BASE64}")).effective();
    assert!(!format!("{effective:?} {:?}", effective.shown()).contains(BASE64));
}

#[test]
fn keys_are_listed_by_their_place() {
    let ids = |place: &Place| place.read().key_ids().map_err(|error| error.to_string());
    let listed = |ids: &[&str]| ids.iter().map(|id| id.parse().unwrap()).collect::<Vec<_>>();
    assert_eq!(ids(&Place::new()), Ok(KeyIds { file: None, list: None }));
    let in_list = format!("new:{BASE64}, old:{BASE64}");
    let list = Place::new().env("IDEMPOTENCE_ENCRYPTION_KEYS", &in_list);
    let origin = Origin { name: "IDEMPOTENCE_ENCRYPTION_KEYS", layer: Layer::Environment };
    let expected = Some((origin, listed(&["new", "old"])));
    assert_eq!(ids(&list), Ok(KeyIds { file: None, list: expected.clone() }));
    let both = with_key_file(list, &format!("first = \"{BASE64}\"\n"), 0o600);
    assert_eq!(ids(&both), Ok(KeyIds { file: Some(listed(&["first"])), list: expected }));
    let absent = both.env("IDEMPOTENCE_ENCRYPTION_KEY_FILE", "absent.toml");
    assert_eq!(ids(&absent).unwrap().file, None);

    let twice = with_key_file(Place::new(), &format!("old = \"{BASE64}\"\n"), 0o600);
    let twice = ids(&twice.env("IDEMPOTENCE_ENCRYPTION_KEYS", &in_list)).unwrap_err();
    assert!(twice.contains("'old', and the key file has one too"), "{twice}");
    let invalid = ids(&Place::new().env("IDEMPOTENCE_ENCRYPTION_KEYS", "x")).unwrap_err();
    assert!(invalid.starts_with("IDEMPOTENCE_ENCRYPTION_KEYS in the environment: entry 1"), "{invalid}");
    let open = with_key_file(Place::new(), "", 0o644).read().key_ids().unwrap_err();
    assert!(matches!(open, SettingsError::KeyFile(_)), "{open}");
}

#[test]
fn the_public_samples_key_gives_a_warning() {
    let settings = on().env("IDEMPOTENCE_INSECURE_SAMPLE_KEY", "true").settings();
    assert_eq!(settings.codec.unwrap().ring().active().as_str(), "mysecretkey");
    assert!(
        settings.notices[0].starts_with("INSECURE: payloads are encrypted with the key of Temporal's public samples")
    );
}
