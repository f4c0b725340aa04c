//! Reads TOML: typed access to tables, with errors that have a position.
//!
//! The program reads all its TOML files with this module; only the meaning of Temporal's own profiles comes from its
//! SDK. Deriving `Deserialize` would be shorter, but its errors show values, which may be secrets, and do not suggest a
//! key.

use std::ops::{Range, RangeInclusive};

use toml::{
    Spanned,
    de::{DeInteger, DeString, DeTable, DeValue},
};

use crate::{
    error_text::{nearest, quoted},
    source_text::{Source, SourceError},
};

/// The content of a TOML file.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    source: Source<'t>,
    entries: DeTable<'t>,
}

impl<'t> Document<'t> {
    /// Parses the text of `source`.
    ///
    /// # Errors
    /// Fails if the text is not TOML or contains a key twice.
    pub(crate) fn parse(source: Source<'t>) -> Result<Self, SourceError> {
        let entries = DeTable::parse(source.text).map_err(|error| {
            let problem = format!("this is not TOML: {}; write key = value, with strings in quotes", error.message());
            source.wrong(error.span().map_or(0, |span| span.start), problem)
        })?;
        Ok(Self { source, entries: entries.into_inner() })
    }

    /// The table of the whole document, which errors call `name`.
    pub(crate) const fn root(&self, name: &'static str) -> Table<'_> {
        Table { source: self.source, entries: &self.entries, name, at: 0 }
    }
}

/// A value, and the byte of the source at which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written<T> {
    /// The value.
    pub value: T,
    /// The byte of the source at which it begins.
    pub at: usize,
}

impl<T> Written<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Written<U> {
        Written { value: change(self.value), at: self.at }
    }
}

/// A string, and the bytes of the source that it takes with its quotes.
#[derive(Debug, Clone)]
pub(crate) struct Quoted<'t> {
    /// The string without its quotes.
    pub text: &'t str,
    /// Bytes of the source, with the quotes.
    pub span: Range<usize>,
}

impl Quoted<'_> {
    /// Returns the byte of the source at which the character number `column` begins, counted from 1. For a string with
    /// escapes, returns the beginning of the string.
    pub(crate) fn at(&self, source: Source<'_>, column: usize) -> usize {
        let written = source.text.get(self.span.clone()).unwrap_or_default();
        let inner = written.find(self.text).filter(|_| !self.text.is_empty());
        let before = self.text.char_indices().nth(column - 1).map_or(self.text.len(), |(offset, _)| offset);
        inner.map_or(self.span.start, |inner| self.span.start + inner + before)
    }
}

/// A table of a [`Document`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'t> {
    /// The source that the table is a part of.
    pub source: Source<'t>,
    entries: &'t DeTable<'t>,
    /// The name of the table in errors.
    name: &'static str,
    /// The byte of the source at which it begins.
    pub at: usize,
}

/// A value of the expected kind, or `None` if the table has no such key.
type Found<T> = Result<Option<T>, SourceError>;

impl<'t> Table<'t> {
    /// Refuses the first key that is not one of `keys`.
    pub(crate) fn allow(&self, keys: &[&str]) -> Result<(), SourceError> {
        let unknown = self.entries.keys().filter(|key| !keys.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else { return Ok(()) };
        let advice = match nearest(key.get_ref(), keys.iter().copied()) {
            Some(nearest) => format!("the nearest is {nearest}"),
            None => format!("the keys are {}", keys.join(", ")),
        };
        let shown = quoted(key.get_ref());
        Err(self.source.wrong(key.span().start, format!("{} has no key {shown}; {advice}", self.name)))
    }

    /// Returns the keys in the order in which they are written, each with the byte at which it begins.
    pub(crate) fn keys(&self) -> Vec<Written<&'t str>> {
        let key = |key: &'t Spanned<DeString<'t>>| Written { value: key.get_ref().as_ref(), at: key.span().start };
        let mut keys: Vec<_> = self.entries.keys().map(key).collect();
        keys.sort_by_key(|key| key.at);
        keys
    }

    /// Returns the byte at which `key` is written.
    pub(crate) fn key(&self, key: &str) -> Option<usize> {
        self.entries.get_key_value(key).map(|(written, _)| written.span().start)
    }

    fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.entries.get(key)
    }

    /// Unwraps the value of `key`, which the table must have.
    pub(crate) fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, SourceError> {
        value.ok_or_else(|| self.source.wrong(self.at, format!("{} needs the key {key}", self.name)))
    }

    fn not(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> SourceError {
        let problem = format!("{key} must be {wanted}, but this is {}", kind_of(value.get_ref()));
        self.source.wrong(value.span().start, problem)
    }

    /// Returns a string.
    pub(crate) fn text(&self, key: &str) -> Found<Quoted<'t>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let DeValue::String(text) = value.get_ref() else { return Err(self.not(key, value, "a string in quotes")) };
        Ok(Some(Quoted { text, span: value.span() }))
    }

    /// Returns the strings of a list.
    pub(crate) fn texts(&self, key: &str) -> Found<Vec<Quoted<'t>>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let not = |value| self.not(key, value, "a list of strings in quotes");
        let DeValue::Array(list) = value.get_ref() else { return Err(not(value)) };
        let text = |value: &'t Spanned<DeValue<'t>>| match value.get_ref() {
            DeValue::String(text) => Ok(Quoted { text, span: value.span() }),
            _ => Err(not(value)),
        };
        list.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// Returns a string of one line that is not blank.
    pub(crate) fn line(&self, key: &str) -> Result<String, SourceError> {
        let text = self.required(key, self.text(key)?)?;
        if text.text.trim().is_empty() || text.text.contains(char::is_control) {
            let problem = format!("{key} must be one line that is not empty, without control characters");
            return Err(self.source.wrong(text.span.start, problem));
        }
        Ok(text.text.trim().to_owned())
    }

    /// Returns the value of a string that must be one of `words`.
    pub(crate) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Found<Written<T>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.text) {
            return Ok(Some(Written { value: *value, at: text.span.start }));
        }
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let problem = format!("{key} is {}; it must be one of {}", quoted(text.text), known.join(", "));
        Err(self.source.wrong(text.span.start, problem))
    }

    /// Returns `true` or `false`.
    pub(crate) fn truth(&self, key: &str) -> Found<Written<bool>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let DeValue::Boolean(truth) = value.get_ref() else {
            return Err(self.not(key, value, "true or false, without quotes"));
        };
        Ok(Some(Written { value: *truth, at: value.span().start }))
    }

    /// Returns the digits of a whole number of any size. Errors call the number `wanted`.
    pub(crate) fn digits(&self, key: &str, wanted: &str) -> Found<Written<String>> {
        let integer = self.integer(key, wanted)?;
        Ok(integer.map(|integer| {
            integer
                .map(|integer| parsed(integer).map_or_else(|| integer.as_str().to_owned(), |number| number.to_string()))
        }))
    }

    /// Returns a whole number in `range`.
    pub(crate) fn number(&self, key: &str, range: RangeInclusive<i64>) -> Found<Written<i64>> {
        let Some(Written { value: integer, at }) = self.integer(key, "a whole number, without quotes")? else {
            return Ok(None);
        };
        if let Some(value) = parsed(integer).filter(|number| range.contains(number)) {
            return Ok(Some(Written { value, at }));
        }
        let (least, most) = range.into_inner();
        Err(self.source.wrong(at, format!("{key} must be a whole number from {least} to {most}")))
    }

    fn integer(&self, key: &str, wanted: &str) -> Found<Written<&'t DeInteger<'t>>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let DeValue::Integer(integer) = value.get_ref() else {
            return Err(self.not(key, value, wanted));
        };
        Ok(Some(Written { value: integer, at: value.span().start }))
    }

    /// Returns a number of attempts, orders or processes.
    pub(crate) fn count(&self, key: &str) -> Found<Written<u32>> {
        let number = self.number(key, 0..=i64::from(u32::MAX))?;
        Ok(number.map(|number| number.map(|count| u32::try_from(count).unwrap_or(u32::MAX))))
    }

    /// Returns a table. Errors call it `name`.
    pub(crate) fn table(&self, key: &str, name: &'static str) -> Found<Table<'t>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        self.inner(key, value, name).map(Some)
    }

    /// Returns the tables of a list. Errors call each of them `name`.
    pub(crate) fn tables(&self, key: &str, name: &'static str) -> Found<Vec<Table<'t>>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let DeValue::Array(list) = value.get_ref() else {
            return Err(self.not(key, value, &format!("a list of tables, each starting with [[{key}]]")));
        };
        list.iter().map(|value| self.inner(key, value, name)).collect::<Result<_, _>>().map(Some)
    }

    fn inner(&self, key: &str, value: &'t Spanned<DeValue<'t>>, name: &'static str) -> Result<Self, SourceError> {
        match value.get_ref() {
            DeValue::Table(entries) => Ok(Self { source: self.source, entries, name, at: value.span().start }),
            _ => Err(self.not(key, value, "a table")),
        }
    }
}

fn parsed(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// Returns the kind of a value, as part of a sentence.
const fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
