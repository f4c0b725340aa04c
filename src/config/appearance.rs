//! The appearance of the screen: the theme, whether the terminal can show more than ASCII, and whether it is a screen
//! at all.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};

use super::Flags;
use super::choice::Choice;
use super::error::SettingsError;
use super::sourced::{Layer, Origin, Sourced};
use super::sources::Sources;
use super::values;
use crate::app::Theme;

/// Terminals whose fonts lack the glyphs, even if the locale uses UTF-8.
const PLAIN_TERMINALS: [&str; 3] = ["linux", "dumb", "ansi"];

/// Terminals without colours.
const MONO_TERMINALS: [&str; 2] = ["dumb", "ansi"];

/// Terminals that cannot place their cursor: Emacs, editors' output panes, and unknown ones.
const WITHOUT_CURSOR: [&str; 2] = ["dumb", "unknown"];

/// Prefixes of DEC's terminals, such as vt100 and vt220, which have neither the glyphs nor colours.
const DEC_TERMINALS: [&str; 5] = ["vt1", "vt2", "vt3", "vt4", "vt5"];

fn is_dec(terminal: &str) -> bool {
    DEC_TERMINALS.iter().any(|first| terminal.starts_with(first))
}

/// The variables of the locale's character set, in order of precedence.
const LOCALE: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

/// Returns the theme that a layer names, or otherwise the one for `NO_COLOR`. By the convention of `NO_COLOR`, the
/// configuration of a single program, including its file, overrides the variable.
pub(super) fn theme(
    flags: &Flags,
    sources: &Sources,
    environment: &[(OsString, OsString)],
) -> Result<Sourced<Theme>, SettingsError> {
    const NAMES: [&str; 1] = ["IDEMPOTENCE_THEME"];
    let named = Choice::new(flags.theme.as_deref(), "--theme", &NAMES).named(sources, values::theme)?;
    let no_color = || sources.find("NO_COLOR").map(|found| Sourced { value: Theme::Mono, origin: found.origin });
    let has_no_colour = |terminal: &str| MONO_TERMINALS.contains(&terminal) || is_dec(terminal);
    let of_terminal = || {
        let terminal = variable(environment, "TERM").filter(|terminal| has_no_colour(&terminal.value));
        terminal.map(|terminal| terminal.map(|_| Theme::Mono))
    };
    Ok(named.or_else(no_color).or_else(of_terminal).unwrap_or_else(|| Sourced::by_default(NAMES[0], Theme::default())))
}

/// Returns the value that a layer sets. Otherwise it depends on the terminal and the locale in `environment`.
pub(super) fn ascii(
    flags: &Flags,
    sources: &Sources,
    environment: &[(OsString, OsString)],
) -> Result<Sourced<bool>, SettingsError> {
    let choice = Choice::new(flags.ascii.as_deref(), "--ascii", &["IDEMPOTENCE_ASCII"]);
    Ok(choice.named(sources, values::boolean)?.unwrap_or_else(|| from_terminal(environment)))
}

/// Returns the value that a layer sets, or otherwise true for a terminal that cannot place its cursor.
pub(super) fn plain(
    flags: &Flags,
    sources: &Sources,
    environment: &[(OsString, OsString)],
) -> Result<Sourced<bool>, SettingsError> {
    let choice = Choice::new(flags.plain.as_deref(), "--plain", &["IDEMPOTENCE_PLAIN"]);
    let by_terminal = || match variable(environment, "TERM") {
        Some(terminal) => terminal.map(|terminal| WITHOUT_CURSOR.contains(&terminal.as_ref())),
        None => Sourced { value: true, origin: Origin { name: "TERM", layer: Layer::Absent } },
    };
    Ok(choice.named(sources, values::boolean)?.unwrap_or_else(by_terminal))
}

/// Whether a setting or the terminal decided, rather than the locale.
pub(super) fn is_chosen(ascii: &Sourced<bool>) -> bool {
    !LOCALE.contains(&ascii.origin.name)
}

/// Returns a variable of the environment, unless it is empty.
fn variable<'a>(environment: &'a [(OsString, OsString)], name: &'static str) -> Option<Sourced<Cow<'a, str>>> {
    let (_, value) = environment.iter().find(|(key, value)| key == OsStr::new(name) && !value.is_empty())?;
    Some(Sourced { value: value.to_string_lossy(), origin: Origin { name, layer: Layer::Environment } })
}

/// Returns whether the terminal and the locale allow only ASCII.
pub(super) fn from_terminal(environment: &[(OsString, OsString)]) -> Sourced<bool> {
    let variable = |name| variable(environment, name);
    let is_plain = |terminal: &str| PLAIN_TERMINALS.contains(&terminal) || is_dec(terminal);
    let plain = variable("TERM").filter(|terminal| is_plain(&terminal.value));
    if let Some(plain) = plain {
        return plain.map(|_| true);
    }
    match LOCALE.into_iter().find_map(variable) {
        Some(locale) => locale.map(|locale| !is_utf8(&locale)),
        // The C locale, which has only ASCII.
        None => Sourced { value: true, origin: Origin { name: "LANG", layer: Layer::Absent } },
    }
}

/// Whether a locale such as `en_GB.UTF-8@euro` uses UTF-8. macOS writes the character set alone.
fn is_utf8(locale: &str) -> bool {
    let without_modifier = locale.split('@').next().unwrap_or_default();
    let characters = without_modifier.rsplit('.').next().unwrap_or_default();
    ["utf-8", "utf8"].iter().any(|name| characters.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(pairs: &[(&str, &str)]) -> (bool, String) {
        let environment: Vec<_> =
            pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        let found = from_terminal(&environment);
        (found.value, found.origin.to_string())
    }

    type Case = (&'static [(&'static str, &'static str)], bool, &'static str);

    #[test]
    fn the_first_variable_of_the_locale_that_is_not_empty_decides() {
        let cases: [Case; 11] = [
            (&[("LANG", "en_GB.UTF-8")], false, "LANG in the environment"),
            (&[("LANG", "C.utf8@x"), ("LC_CTYPE", ""), ("LC_ALL", "")], false, "LANG in the environment"),
            (&[("LC_CTYPE", "UTF-8")], false, "LC_CTYPE in the environment"),
            (&[("LANG", "de_DE")], true, "LANG in the environment"),
            (&[("LANG", "de_DE.UTF-8"), ("LC_CTYPE", "de_DE.ISO-8859-1")], true, "LC_CTYPE in the environment"),
            (&[("LC_CTYPE", "de_DE.UTF-8"), ("LC_ALL", "POSIX")], true, "LC_ALL in the environment"),
            (&[], true, "LANG not set in the environment"),
            (&[("LANG", "C.UTF-8"), ("TERM", "linux")], true, "TERM in the environment"),
            (&[("LANG", "C.UTF-8"), ("TERM", "vt100")], true, "TERM in the environment"),
            (&[("LANG", "C.UTF-8"), ("TERM", "ansi")], true, "TERM in the environment"),
            (&[("LANG", "C.UTF-8"), ("TERM", "xterm-256color")], false, "LANG in the environment"),
        ];
        for (pairs, ascii, origin) in cases {
            assert_eq!(chosen(pairs), (ascii, origin.to_owned()), "{pairs:?}");
        }
    }
}
