//! Typed access to the tables of a scenario's file: whatever is refused is refused at its place.

use std::ops::{Range, RangeInclusive};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::file::ScenarioError;
use crate::toml_text::{self, Position, kind_of, quoted};

/// The text of a file, and the name that errors give it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'t> {
    pub file: &'t str,
    pub text: &'t str,
}

impl Source<'_> {
    /// What is wrong at the byte `offset`.
    pub(super) fn wrong(self, offset: usize, problem: impl Into<String>) -> ScenarioError {
        let at = Position::of(self.text, offset);
        ScenarioError { file: self.file.to_owned(), at, problem: problem.into() }
    }
}

/// A value, and the byte at which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written<T> {
    pub value: T,
    pub at: usize,
}

impl<T> Written<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Written<U> {
        Written { value: change(self.value), at: self.at }
    }
}

/// A text and the bytes that it takes in the file, with its quotes.
#[derive(Debug, Clone)]
pub(super) struct Quoted<'t> {
    pub text: &'t str,
    pub span: Range<usize>,
}

impl Quoted<'_> {
    /// The byte of the file at which the character `column` stands, counted from 1; the beginning where the text is
    /// written in other characters than it has.
    pub(super) fn at(&self, source: Source<'_>, column: usize) -> usize {
        let written = source.text.get(self.span.clone()).unwrap_or_default();
        let inner = written.find(self.text).filter(|_| !self.text.is_empty());
        let before = self.text.char_indices().nth(column - 1).map_or(self.text.len(), |(offset, _)| offset);
        inner.map_or(self.span.start, |inner| self.span.start + inner + before)
    }
}

/// One table of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'t> {
    pub source: Source<'t>,
    entries: &'t DeTable<'t>,
    /// What it is called in a sentence.
    name: &'static str,
    /// The byte at which it begins.
    pub at: usize,
}

type Found<T> = Result<Option<T>, ScenarioError>;

impl<'t> Table<'t> {
    pub(super) const fn root(source: Source<'t>, entries: &'t DeTable<'t>) -> Self {
        Self { source, entries, name: "the scenario", at: 0 }
    }

    /// Refuses the first key that is none of `keys`.
    pub(super) fn allow(&self, keys: &[&str]) -> Result<(), ScenarioError> {
        let unknown = self.entries.keys().filter(|key| !keys.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else { return Ok(()) };
        let advice = match toml_text::nearest(key.get_ref(), keys.iter().copied()) {
            Some(nearest) => format!("the nearest is {nearest}"),
            None => format!("the keys are {}", keys.join(", ")),
        };
        let shown = quoted(key.get_ref());
        Err(self.source.wrong(key.span().start, format!("{} has no key {shown}; {advice}", self.name)))
    }

    /// Where `key` is written, if it is.
    pub(super) fn key(&self, key: &str) -> Option<usize> {
        self.entries.get_key_value(key).map(|(written, _)| written.span().start)
    }

    fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.entries.get(key)
    }

    /// The value where the table has it.
    pub(super) fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, ScenarioError> {
        value.ok_or_else(|| self.source.wrong(self.at, format!("{} needs the key {key}", self.name)))
    }

    fn not(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> ScenarioError {
        let problem = format!("{key} must be {wanted}, and this is {}", kind_of(value.get_ref()));
        self.source.wrong(value.span().start, problem)
    }

    pub(super) fn text(&self, key: &str) -> Found<Quoted<'t>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let DeValue::String(text) = value.get_ref() else { return Err(self.not(key, value, "a text in quotes")) };
        Ok(Some(Quoted { text, span: value.span() }))
    }

    /// A text of one line with something in it, for people.
    pub(super) fn line(&self, key: &str) -> Result<String, ScenarioError> {
        let text = self.required(key, self.text(key)?)?;
        if text.text.trim().is_empty() || text.text.contains(char::is_control) {
            let problem = format!("{key} must be one line with something in it, without control characters");
            return Err(self.source.wrong(text.span.start, problem));
        }
        Ok(text.text.trim().to_owned())
    }

    /// One of the words of `words`, as what it stands for.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Found<Written<T>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.text) {
            return Ok(Some(Written { value: *value, at: text.span.start }));
        }
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let problem = format!("{key} is {}; it must be one of {}", quoted(text.text), known.join(", "));
        Err(self.source.wrong(text.span.start, problem))
    }

    pub(super) fn number(&self, key: &str, range: RangeInclusive<i64>) -> Found<Written<i64>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let DeValue::Integer(number) = value.get_ref() else {
            return Err(self.not(key, value, "a whole number, without quotes"));
        };
        let at = value.span().start;
        let parsed = i64::from_str_radix(number.as_str(), number.radix()).ok();
        if let Some(value) = parsed.filter(|number| range.contains(number)) {
            return Ok(Some(Written { value, at }));
        }
        let (least, most) = range.into_inner();
        Err(self.source.wrong(at, format!("{key} must be a whole number from {least} to {most}")))
    }

    /// A number of attempts, orders or processes.
    pub(super) fn count(&self, key: &str) -> Found<Written<u32>> {
        let number = self.number(key, 0..=i64::from(u32::MAX))?;
        Ok(number.map(|number| number.map(|count| u32::try_from(count).unwrap_or(u32::MAX))))
    }

    pub(super) fn table(&self, key: &str, name: &'static str) -> Found<Table<'t>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        self.inner(key, value, name).map(Some)
    }

    pub(super) fn tables(&self, key: &str, name: &'static str) -> Found<Vec<Table<'t>>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let DeValue::Array(list) = value.get_ref() else {
            return Err(self.not(key, value, &format!("a list of tables, each begun with [[{key}]]")));
        };
        list.iter().map(|value| self.inner(key, value, name)).collect::<Result<_, _>>().map(Some)
    }

    fn inner(&self, key: &str, value: &'t Spanned<DeValue<'t>>, name: &'static str) -> Result<Self, ScenarioError> {
        match value.get_ref() {
            DeValue::Table(entries) => Ok(Self { source: self.source, entries, name, at: value.span().start }),
            _ => Err(self.not(key, value, "a table")),
        }
    }
}
