//! Settings that turn TLS on, and settings that are refused because they would weaken the connection.

use secrecy::ExposeSecret;

use super::*;
use crate::temporal::Tls;

#[track_caller]
fn tls(place: &Place) -> Tls {
    match place.settings().transport {
        Transport::Tls(tls) => tls,
        Transport::Plaintext => panic!("no TLS"),
    }
}

fn pair() -> Place {
    Place::new().file("c.pem", "").file("c.key", "")
}

#[test]
fn settings_that_need_tls_turn_it_on() {
    let cases: [(&[(&str, &str)], &str); 9] = [
        (&[("TEMPORAL_TLS", "true")], "TEMPORAL_TLS"),
        (&[("TEMPORAL_TLS_CERT", "c.pem"), ("TEMPORAL_TLS_KEY", "c.key")], "TEMPORAL_TLS_CERT"),
        (
            &[("TEMPORAL_TLS_CLIENT_CERT_DATA", "-----"), ("TEMPORAL_TLS_CLIENT_KEY_DATA", "-----")],
            "TEMPORAL_TLS_CLIENT_CERT_DATA",
        ),
        (&[("TEMPORAL_SERVER_ROOT_CA_CERT", "c.pem")], "TEMPORAL_SERVER_ROOT_CA_CERT"),
        (&[("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "c.pem")], "TEMPORAL_TLS_SERVER_CA_CERT_PATH"),
        (&[("TEMPORAL_TLS_SERVER_NAME", "x")], "TEMPORAL_TLS_SERVER_NAME"),
        (&[("TEMPORAL_API_KEY", "k")], "TEMPORAL_API_KEY"),
        (&[("TEMPORAL_INSECURE_SKIP_VERIFY", "true")], "TEMPORAL_INSECURE_SKIP_VERIFY"),
        (&[("TEMPORAL_HOST_URL", "https://temporal.example.com:7233")], "TEMPORAL_HOST_URL"),
    ];
    for (pairs, asks) in cases {
        let place = pair().envs(pairs);
        tls(&place);
        assert_eq!(place.origin("tls"), format!("{asks} in the environment"));
    }
    for name in ["TEMPORAL_TLS", "TEMPORAL_INSECURE_SKIP_VERIFY"] {
        let settings = Place::new().env(name, "false").settings();
        assert!(matches!(settings.transport, Transport::Plaintext) && settings.notices.is_empty(), "{name}");
    }
}

#[test]
fn relative_files_start_at_the_folder_of_their_layer() {
    let place = pair().envs(&[("TEMPORAL_TLS_CERT", "c.pem"), ("TEMPORAL_TLS_KEY", "c.key")]);
    let identity = tls(&place).identity.unwrap();
    assert!(format!("{:?}", identity.certificate.source).contains(&format!("{:?}", place.here().join("c.pem"))));
    assert_eq!(identity.key.origin, "TEMPORAL_TLS_KEY in the environment");
    let flags = Flags { tls_cert: Some("c.pem".into()), tls_key: Some("c.key".into()), ..Flags::default() };
    let mut settings = pair().flags(flags).settings();
    let child = ["--encrypt-payload=false", "--tls=true", "--tls-cert=c.pem", "--tls-key=c.key", "--supplier=none"];
    assert_eq!(settings.child_flags(), child);
    // A server on this machine does not use TLS.
    settings.transport = Transport::Plaintext;
    assert_eq!(settings.child_flags(), ["--encrypt-payload=false", "--tls=false", "--supplier=none"]);
    let https = Place::new().env("TEMPORAL_ADDRESS", "https://far:1").settings();
    assert_eq!(https.child_flags(), ["--encrypt-payload=false", "--tls=true", "--supplier=none"]);
}

#[test]
fn half_a_pair_and_files_that_cannot_be_read_are_refused() {
    let half = Place::new().env("TEMPORAL_TLS_CERT", "c.pem").env("TEMPORAL_API_KEY", "k").error();
    assert!(matches!(half, SettingsError::HalfKeyPair { missing: "TEMPORAL_TLS_KEY", .. }), "{half}");
    let half = Place::new().env("TEMPORAL_TLS_KEY", "c.key").error();
    assert!(matches!(half, SettingsError::HalfKeyPair { missing: "TEMPORAL_TLS_CERT", .. }), "{half}");
    // The halves may come from two layers.
    let two = || Place::new().env("TEMPORAL_TLS_CERT", "c.pem").dot_env("TEMPORAL_TLS_KEY=c.key");
    let absent = two().file("c.key", "").error();
    assert!(matches!(&absent, SettingsError::FileUnreadable { origin, .. } if origin.name == "TEMPORAL_TLS_CERT"));
    assert!(absent.to_string().contains("c.pem\", which cannot be read"), "{absent}");
    let folder = two().file("c.pem", "").file("c.key/x", "").error();
    assert!(folder.to_string().contains("it is not a regular file"), "{folder}");
    tls(&two().file("c.pem", "").file("c.key", ""));
    let text = pair().env("TEMPORAL_TLS_CERT", "-----BEGIN CERTIFICATE-----").error().to_string();
    assert!(text.ends_with("name the file, or set TEMPORAL_TLS_CLIENT_CERT_DATA instead"), "{text}");
    let two_paths = [("TEMPORAL_TLS_CERT", "c.pem"), ("TEMPORAL_TLS_CLIENT_CERT_PATH", "d.pem")];
    assert!(matches!(pair().envs(&two_paths).error(), SettingsError::Conflict { .. }));
}

#[test]
fn verification_is_skipped_loudly_and_never_with_an_api_key() {
    let place = Place::new().envs(&[("TEMPORAL_URL", "far:1"), ("TEMPORAL_INSECURE_SKIP_VERIFY", "true")]);
    assert!(tls(&place).skip_verify);
    let notices = place.settings().notices;
    assert!(notices[0].starts_with("INSECURE: the certificate of far:1 is not verified"), "{notices:?}");
    let both = place.dot_env("TEMPORAL_API_KEY=k").error();
    assert!(matches!(both, SettingsError::SkipVerifyWithApiKey { .. }), "{both}");
    assert!(both.to_string().contains("set TEMPORAL_INSECURE_SKIP_VERIFY to false"), "{both}");
}

#[test]
fn an_api_key_must_fit_in_a_header() {
    let key = |text: &str| Place::new().env("TEMPORAL_API_KEY", text).settings().api_key.unwrap();
    assert_eq!(key("abc.def-1\n").expose_secret(), "abc.def-1");
    let broken = Place::new().env("TEMPORAL_API_KEY", "hunter2 hunter3").error().to_string();
    assert!(broken.contains("copy the key alone") && !broken.contains("hunter"), "{broken}");
}

#[test]
fn a_remote_server_without_tls_must_be_requested() {
    let error = Place::new().env("TEMPORAL_URL", "temporal:7233").error().to_string();
    assert!(
        error.starts_with("temporal:7233 is not on this machine") && error.contains("TEMPORAL_TLS=false"),
        "{error}"
    );
    for place in [Place::open(), Place::new().flags(Flags { tls: Some("false".into()), ..Flags::default() })] {
        let settings = place.env("TEMPORAL_URL", "temporal:7233").settings();
        assert!(settings.notices[0].contains("temporal:7233 is not encrypted"), "{:?}", settings.notices);
    }
}

#[test]
fn a_denial_contradicts_its_own_layer_and_overrides_those_below() {
    let beside = pair().envs(&[("TEMPORAL_TLS", "false"), ("TEMPORAL_SERVER_NAME", "x")]).error();
    let expected = "TEMPORAL_TLS in the environment is false, which turns TLS off, but TEMPORAL_SERVER_NAME in the environment needs";
    assert!(beside.to_string().starts_with(expected), "{beside}");
    let below = Place::new().dot_env("TEMPORAL_TLS=false").env("TEMPORAL_SERVER_NAME", "x").error();
    assert!(matches!(below, SettingsError::TlsDenied { .. }), "{below}");
    let above = Place::open().dot_env("TEMPORAL_API_KEY=k\nTEMPORAL_SERVER_NAME=x").settings();
    assert!(above.api_key.is_none() && matches!(above.transport, Transport::Plaintext));
    assert!(above.notices[0].contains("TEMPORAL_SERVER_NAME in ") && above.notices[0].contains(" had no effect"));
}

#[test]
fn an_api_key_is_sent_without_tls_if_its_own_layer_says_so_and_to_another_machine_with_a_notice() {
    let mesh = [("TEMPORAL_TLS", "false"), ("TEMPORAL_API_KEY", "hunter2")];
    let near = Place::new().envs(&mesh).settings();
    assert!(near.api_key.is_some() && matches!(near.transport, Transport::Plaintext));
    assert!(near.notices.is_empty(), "{:?}", near.notices);
    // A child reads the layer itself. A flag would override the layer and remove the key.
    assert_eq!(near.child_flags(), ["--encrypt-payload=false", "--supplier=none"]);
    let far = Place::new().envs(&mesh).env("TEMPORAL_URL", "mesh:7233").settings();
    let loud = far.notices.iter().find(|notice| {
        notice.starts_with("INSECURE: anyone on the network can read the API key that is sent to mesh:7233")
    });
    assert!(far.api_key.is_some() && loud.is_some_and(|notice| !notice.contains("hunter2")), "{:?}", far.notices);
    let profile = "[profile.default]\naddress = 'localhost:9'\napi_key = 'k'\n[profile.default.tls]\ndisabled = true\n";
    assert!(Place::new().profiles(profile).settings().api_key.is_some());
    // Otherwise the key turns TLS on.
    tls(&Place::new().env("TEMPORAL_API_KEY", "k"));
}

#[test]
fn the_proxy_of_the_environment_is_for_a_server_elsewhere() {
    let place = |address| Place::open().env("HTTPS_PROXY", "http://me:hunter2@proxy:3128").env("TEMPORAL_URL", address);
    assert!(place("localhost:7233").settings().proxy.is_none());
    let far = place("far:7233");
    let settings = far.settings();
    assert_eq!(settings.proxy.as_ref().unwrap().address, "proxy:3128");
    assert_eq!(far.origin("HTTPS_PROXY"), "HTTPS_PROXY in the environment");
    assert!(!format!("{settings:?} {:?} {:?}", far.effective(), far.effective().shown()).contains("hunter2"));
    let bad = Place::open().env("HTTPS_PROXY", "socks5://x").env("TEMPORAL_URL", "far:1").settings();
    assert!(bad.notices.iter().any(|notice| notice.starts_with("HTTPS_PROXY in the environment had no effect")));
}
