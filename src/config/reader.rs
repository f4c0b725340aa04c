//! Reads single settings from the layers.

use std::ffi::OsString;
use std::time::Duration;

use super::choice::Choice;
use super::effective::{Screen, Sourced};
use super::error::SettingsError;
use super::needs::{Area, Problems};
use super::sources::{Found, Sources};
use super::{DEFAULT_NAMESPACE, Flags, look, values};
use crate::app::Theme;

/// Reads single settings, and keeps their mistakes.
pub(super) struct Reader<'a> {
    pub(super) sources: &'a Sources,
    pub(super) problems: Problems,
}

impl Reader<'_> {
    pub(super) fn flagged<T: PartialEq>(
        &mut self,
        area: Area,
        (flag, flag_name): (Option<&str>, &'static str),
        names: &[&'static str],
        parse: fn(&Found<'_>) -> Result<T, SettingsError>,
    ) -> Option<Sourced<T>> {
        let value = Choice::new(flag, flag_name, names).named(self.sources, parse);
        self.problems.or_default(area, value)
    }

    pub(super) fn unflagged<T: PartialEq>(
        &mut self,
        area: Area,
        name: &'static str,
        parse: fn(&Found<'_>) -> Result<T, SettingsError>,
    ) -> Option<Sourced<T>> {
        self.problems.or_default(area, Choice::without_flag(&[name]).named(self.sources, parse))
    }

    pub(super) fn namespace(&mut self, flags: &Flags) -> Sourced<String> {
        let flag = (flags.namespace.as_deref(), "--namespace");
        self.flagged(Area::Connection, flag, &["TEMPORAL_NAMESPACE"], values::label)
            .or_by_default("TEMPORAL_NAMESPACE", || DEFAULT_NAMESPACE.to_owned())
    }

    pub(super) fn screen(&mut self, flags: &Flags, environment: &[(OsString, OsString)]) -> Screen {
        let sources = self.sources;
        let ascii = look::ascii(flags, sources, environment);
        let theme = look::theme(flags, sources, environment);
        let plain = look::plain(flags, sources, environment);
        let by_default = || Sourced::by_default("IDEMPOTENCE_THEME", Theme::default());
        Screen {
            web_ui: self.unflagged(Area::Look, "TEMPORAL_UI_URL", values::web_ui),
            theme: self.problems.or_else(Area::Look, theme, by_default),
            ascii: self.problems.or_else(Area::Look, ascii, || look::from_terminal(environment)),
            still: self
                .flagged(Area::Look, (flags.still.as_deref(), "--still"), &["IDEMPOTENCE_STILL"], values::boolean)
                .or_by_default("IDEMPOTENCE_STILL", bool::default),
            plain: self.problems.or_else(Area::Look, plain, || Sourced::by_default("IDEMPOTENCE_PLAIN", false)),
        }
    }

    pub(super) fn seconds(&mut self, area: Area, name: &'static str, default: Duration) -> Sourced<Duration> {
        self.unflagged(area, name, values::seconds).or_by_default(name, || default)
    }
}

/// A setting that has a default.
pub(super) trait OrByDefault<T> {
    fn or_by_default(self, name: &'static str, default: impl FnOnce() -> T) -> Sourced<T>;
}

impl<T> OrByDefault<T> for Option<Sourced<T>> {
    fn or_by_default(self, name: &'static str, default: impl FnOnce() -> T) -> Sourced<T> {
        self.unwrap_or_else(|| Sourced::by_default(name, default()))
    }
}
