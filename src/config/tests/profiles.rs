//! Temporal's own file of profiles, the lowest layer.

use super::*;

const CLOUD: &str = "[profile.default]\naddress = \"localhost:9\"\n[profile.cloud]\naddress = \"c.tmprl.cloud:7233\"\n\
                     namespace = \"c.ns\"\napi_key = \"k\"\n";

#[test]
fn the_default_profile_is_below_every_other_layer() {
    let place = Place::new().profiles("[profile.default]\naddress = \"localhost:9\"\nnamespace = \"p\"\n");
    let settings = place.settings();
    assert_eq!((settings.address.to_string().as_str(), settings.namespace.as_str()), ("localhost:9", "p"));
    let origin = format!("TEMPORAL_ADDRESS in profile \"default\" of {:?}", place.profiles_path());
    assert_eq!(place.origin("address"), origin);
    let settings = place.settings_file("address = 'localhost:8'").settings();
    assert_eq!((settings.address.to_string().as_str(), settings.namespace.as_str()), ("localhost:8", "p"));
}

#[test]
fn a_profile_is_chosen_by_flag_environment_and_settings_file() {
    let named = [
        Place::new().flags(Flags { profile: Some("cloud".to_owned()), ..Flags::default() }),
        Place::new().env("TEMPORAL_PROFILE", "cloud"),
        Place::new().settings_file("profile = 'cloud'"),
    ];
    for place in named {
        let place = place.profiles(CLOUD);
        let settings = place.settings();
        assert_eq!(settings.address.to_string(), "c.tmprl.cloud:7233");
        assert!(settings.api_key.is_some() && matches!(settings.transport, Transport::Tls(_)));
        assert_eq!(
            place.effective().profile_file.unwrap(),
            LayerFile { path: place.profiles_path(), present: true, ignored: None }
        );
    }
    let elsewhere = Place::new().file("mine.toml", CLOUD);
    let elsewhere = elsewhere.env("TEMPORAL_CONFIG_FILE", "mine.toml").env("TEMPORAL_PROFILE", "cloud");
    assert_eq!(elsewhere.settings().namespace, "c.ns");
}

#[test]
fn a_named_profile_must_exist() {
    let error = Place::new().profiles(CLOUD).env("TEMPORAL_PROFILE", "clod").error().to_string();
    assert!(error.starts_with("TEMPORAL_PROFILE in the environment is \"clod\", but "), "{error}");
    assert!(error.contains("it has: cloud, default"), "{error}");
    let error = Place::new().env("TEMPORAL_PROFILE", "cloud").error().to_string();
    assert!(error.contains("temporal.toml\" does not exist; "), "{error}");
    let error = Place::new().profiles("").env("TEMPORAL_PROFILE", "cloud").error().to_string();
    assert!(error.contains("has no profiles; "), "{error}");
    assert_eq!(Place::new().profiles("[profile.other]\n").settings().address, Address::default());
}

#[test]
fn a_file_of_profiles_that_is_named_and_not_used_is_reported_once() {
    let missing = Place::new().env("TEMPORAL_CONFIG_FILE", "mine.toml");
    let unused = Place::new().file("mine.toml", "[profile.other]\n").env("TEMPORAL_CONFIG_FILE", "mine.toml");
    for (place, reason) in
        [(missing, "which does not exist, so"), (unused, "no profile \"default\" (it has: other), so")]
    {
        let notices = place.settings().notices;
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert!(notices[0].starts_with("TEMPORAL_CONFIG_FILE in the environment names "), "{notices:?}");
        assert!(notices[0].contains("mine.toml") && notices[0].contains(reason), "{notices:?}");
    }
    let usual = Place::new().profiles("[profile.other]\n");
    assert_eq!(usual.settings().notices, Vec::<String>::new(), "it was not named");
    let used = Place::new().file("mine.toml", "[profile.default]\n").env("TEMPORAL_CONFIG_FILE", "mine.toml");
    assert_eq!(used.settings().notices, Vec::<String>::new());
}

#[test]
fn a_misspelled_key_of_the_profile_is_reported_and_a_key_of_others_is_not() {
    let text = "[profile.default]\nadress = \"x\"\n[profile.default.tls]\nserver_nam = \"hunter2\"\n\
                [profile.default.oauth]\nclient_id = \"x\"\n[profile.other]\nnamespce = \"x\"\n";
    let notices = Place::new().profiles(text).settings().notices;
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("(did you mean address?)") && notices[0].contains("(did you mean server_name?)"));
    assert!(!notices[0].contains("hunter2") && !notices[0].contains("namespce"), "{notices:?}");
}

#[test]
fn a_damaged_file_of_profiles_is_reported_with_its_place() {
    let place = Place::new().profiles("[profile.default]\naddress = 5\n");
    let error = place.error().to_string();
    let start = format!("{:?}, line 2, column 11: ", place.profiles_path());
    assert!(error.starts_with(&start), "{error}");
}

#[test]
fn tables_for_tls_mean_tls_unless_they_deny_it() {
    let on = Place::new().profiles("[profile.default.tls]\nserver_name = \"temporal.test\"\n").settings();
    let Transport::Tls(tls) = on.transport else { panic!("{:?}", on.transport) };
    assert_eq!(tls.server_name.as_deref(), Some("temporal.test"));
    let off = Place::new().profiles("[profile.default.tls]\ndisabled = true\n").settings();
    assert!(matches!(off.transport, Transport::Plaintext));
}

#[test]
fn a_codec_that_would_be_passed_over_is_refused_wherever_it_is_named() {
    let codec = "[profile.default.codec]\nendpoint = \"http://localhost:8081\"\nauth = \"hunter2\"\n";
    let profile = Place::new().profiles(codec);
    let variable = Place::new().env("TEMPORAL_CODEC_ENDPOINT", "http://localhost:8081");
    let both =
        [(profile, "in profile \"default\" of ", "TEMPORAL_PROFILE"), (variable, "in the environment ", "env -u ")];
    for (place, origin, remedy) in both {
        let error = place.error().to_string();
        assert!(error.starts_with(&format!("TEMPORAL_CODEC_ENDPOINT {origin}")), "{error}");
        assert!(error.contains("could read what it sends") && error.contains(remedy), "{error}");
        let sealed = place.envs(&[
            ("ENCRYPT_PAYLOAD", "true"),
            ("DATACONVERTER_ENCRYPTION_KEY_ID", "a"),
            ("IDEMPOTENCE_INSECURE_SAMPLE_KEY", "true"),
        ]);
        assert!(sealed.settings().codec.is_some());
    }
}

#[test]
fn metadata_comes_from_profile_and_environment() {
    let place = Place::new().profiles("[profile.default.grpc_meta]\nx_team = \"other\"\nx_b = \"hunter2\"\n");
    let settings = place.env("TEMPORAL_GRPC_META_X_TEAM", "stock").settings();
    let names: Vec<_> = settings.metadata.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-b", "x-team"]);
    assert!(settings.notices.is_empty() && !format!("{settings:?}").contains("hunter2"), "{settings:?}");
}

#[test]
fn a_default_profiles_key_is_not_given_to_another_server() {
    let cloud = CLOUD.replace("profile.default", "profile.local").replace("profile.cloud", "profile.default");
    let place = || Place::new().profiles(&cloud);
    assert!(place().settings().api_key.is_some());
    let local = place().dot_env("TEMPORAL_URL=localhost:7233").settings();
    assert!(local.api_key.is_none() && matches!(local.transport, Transport::Plaintext));
    assert!(local.notices[0].contains("TEMPORAL_API_KEY in profile \"default\" of "), "{:?}", local.notices);
    // A child process gets the address from the profile as a flag.
    assert!(place().flags(flag("c.tmprl.cloud:7233")).settings().api_key.is_some());
    // A user who names the profile wants all of it.
    let named = place().dot_env("TEMPORAL_URL=localhost:7233").env("TEMPORAL_PROFILE", "default").settings();
    assert!(named.api_key.is_some());
}
