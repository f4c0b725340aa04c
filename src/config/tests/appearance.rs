//! Which theme and which characters, and who decides.

use super::*;
use crate::app::Theme;

fn theme(place: &Place) -> (Theme, String) {
    (place.settings().appearance.theme, place.origin("theme"))
}

#[test]
fn every_layer_can_name_the_theme() {
    let place = Place::new();
    assert_eq!(theme(&place), (Theme::Terminal, "IDEMPOTENCE_THEME by default".to_owned()));
    let place = place.settings_file("theme = 'contrast'");
    assert_eq!(place.settings().appearance.theme, Theme::Contrast);
    let place = place.dot_env("IDEMPOTENCE_THEME=colour-blind");
    assert_eq!(place.settings().appearance.theme, Theme::ColourBlind);
    let place = place.env("IDEMPOTENCE_THEME", " Mono ");
    assert_eq!(theme(&place), (Theme::Mono, "IDEMPOTENCE_THEME in the environment".to_owned()));
    let place = place.flags(Flags { theme: Some("terminal".to_owned()), ..Flags::default() });
    assert_eq!(theme(&place), (Theme::Terminal, "--theme on the command line".to_owned()));
}

#[test]
fn a_terminal_without_colours_gets_none_unless_a_theme_is_named() {
    for terminal in ["vt100", "vt220", "ansi", "dumb"] {
        let place = || Place::new().env("TERM", terminal);
        assert_eq!(theme(&place()), (Theme::Mono, "TERM in the environment".to_owned()), "{terminal}");
        assert_eq!(place().dot_env("IDEMPOTENCE_THEME=contrast").settings().appearance.theme, Theme::Contrast);
    }
    assert_eq!(Place::new().env("TERM", "xterm").settings().appearance.theme, Theme::Terminal);
}

#[test]
fn a_terminal_without_a_cursor_gets_lines_unless_it_was_refused() {
    let plain = |place: &Place| place.settings().plain;
    for (terminal, expected) in [("dumb", true), ("unknown", true), ("", true), ("vt100", false), ("xterm", false)] {
        assert_eq!(plain(&Place::new().env("TERM", terminal)), expected, "{terminal}");
    }
    assert!(plain(&Place::new()), "TERM is not set");
    assert!(plain(&Place::new().env("TERM", "xterm").settings_file("plain = true")));
    assert!(!plain(&Place::new().env("TERM", "dumb").env("IDEMPOTENCE_PLAIN", "no")));
    let flags = Flags { plain: Some("true".to_owned()), ..Flags::default() };
    assert!(plain(&Place::new().env("TERM", "xterm").flags(flags)));
}

#[test]
fn no_color_means_mono_unless_a_theme_is_named() {
    let place = || Place::new().env("NO_COLOR", "0");
    assert_eq!(theme(&place()), (Theme::Mono, "NO_COLOR in the environment".to_owned()));
    assert_eq!(Place::new().env("NO_COLOR", "").settings().appearance.theme, Theme::Terminal);
    let named = [
        place().env("IDEMPOTENCE_THEME", "contrast"),
        place().dot_env("IDEMPOTENCE_THEME=contrast"),
        place().settings_file("theme = 'contrast'"),
        place().flags(Flags { theme: Some("contrast".to_owned()), ..Flags::default() }),
    ];
    for place in named {
        assert_eq!(place.settings().appearance.theme, Theme::Contrast, "{}", place.origin("theme"));
    }
}

#[test]
fn ascii_follows_the_locale_and_the_terminal_unless_it_is_set() {
    let place = Place::new();
    assert_eq!((place.settings().appearance.ascii, place.origin("ascii").as_str()), (false, "LANG in the environment"));
    let place = place.env("LC_ALL", "C");
    assert_eq!(
        (place.settings().appearance.ascii, place.origin("ascii").as_str()),
        (true, "LC_ALL in the environment")
    );
    let place = place.settings_file("# mine\nascii = false");
    let origin = format!("ascii in {:?}, line 2, column 9", place.settings_path());
    assert_eq!((place.settings().appearance.ascii, place.origin("ascii")), (false, origin));
    let place = place.env("IDEMPOTENCE_ASCII", "on");
    assert!(place.settings().appearance.ascii);
    let place = place.flags(Flags { ascii: Some("false".to_owned()), ..Flags::default() });
    assert!(!place.settings().appearance.ascii);
}

#[test]
fn reduced_motion_is_set_by_flag_variable_or_file() {
    assert!(!Place::new().settings().appearance.still);
    assert!(Place::new().settings_file("still = true").settings().appearance.still);
    let place = Place::new().env("IDEMPOTENCE_STILL", "1");
    assert!(place.settings().appearance.still);
    assert!(!place.flags(Flags { still: Some("no".to_owned()), ..Flags::default() }).settings().appearance.still);
}
