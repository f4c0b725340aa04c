//! Reads the file of a walkthrough, which is Markdown. `#` is the title, and each `##` starts a step. After a step's
//! heading, a TOML block may name its scenario and its panels. The text for the audience follows, and then, under `###
//! Before`, `### After` and `### Notes`, what is about to happen, what has happened, and the speaker notes. A TOML
//! block after the title sets the retry policy for all steps.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

use crate::{
    domain::{RetryWaits, sanitize},
    scenario::{self, Scenario},
    source_text::{Source, SourceError},
    toml_table::Document,
};

use super::script::{MAX_PANELS, MAX_PIECE_CHARS, Paragraph, Piece, PieceKind, Script, Step, StepPanel};

/// Reads a walkthrough. Errors call it `file`. `find` returns the scenario with a name, or the reason why there is
/// none.
///
/// # Errors
/// Fails if the text is not a walkthrough or names a scenario that cannot be played.
pub fn parse(file: &str, text: &str, find: impl Fn(&str) -> Result<Scenario, String>) -> Result<Script, SourceError> {
    let source = Source::new(file, text);
    let mut reading = Reading { source, title: None, steps: Vec::new(), retry: None, section: Section::Title, find };
    let mut events = Parser::new(text).into_offset_iter();
    while let Some((event, range)) = events.next() {
        if let Event::Start(tag) = event {
            reading.block(tag, range, &mut events)?;
        }
    }
    reading.finish()
}

/// The part that the text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Title,
    Text,
    Before,
    After,
    Notes,
}

struct Reading<'t, F> {
    source: Source<'t>,
    title: Option<String>,
    steps: Vec<Step>,
    retry: Option<RetryWaits>,
    section: Section,
    find: F,
}

impl<F: Fn(&str) -> Result<Scenario, String>> Reading<'_, F> {
    fn block<'a>(
        &mut self,
        tag: Tag<'a>,
        range: Range<usize>,
        events: &mut impl Iterator<Item = (Event<'a>, Range<usize>)>,
    ) -> Result<(), SourceError> {
        match tag {
            Tag::Heading { level, .. } => {
                let title = until(events, |end| matches!(end, TagEnd::Heading(_))).plain();
                self.heading(level, title, range.start)
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(language)) if &*language == "toml" => {
                let (text, offset) = code(events, range.start);
                self.settings(&text, offset)
            }
            Tag::CodeBlock(_) => {
                let (text, _) = code(events, range.start);
                let pieces = |line: &str| vec![Piece { text: sanitize(line, MAX_PIECE_CHARS), kind: PieceKind::Code }];
                text.lines()
                    .try_for_each(|line| self.add(Paragraph { bullet: false, pieces: pieces(line) }, range.start))
            }
            Tag::Paragraph => {
                let paragraph = until(events, |end| end == TagEnd::Paragraph);
                self.add(paragraph, range.start)
            }
            Tag::Item => {
                let paragraph = until(events, |end| end == TagEnd::Item);
                self.add(Paragraph { bullet: true, ..paragraph }, range.start)
            }
            Tag::List(_) => Ok(()),
            Tag::HtmlBlock => {
                // Comments are not shown.
                events.find(|(event, _)| *event == Event::End(TagEnd::HtmlBlock));
                Ok(())
            }
            _ => {
                Err(self.source.wrong(range.start, "only headings, paragraphs, lists and blocks of code can be shown"))
            }
        }
    }

    fn heading(&mut self, level: HeadingLevel, title: String, offset: usize) -> Result<(), SourceError> {
        match (level, self.steps.is_empty()) {
            (HeadingLevel::H1, true) if self.title.is_none() => self.title = Some(title),
            (HeadingLevel::H2, _) if self.title.is_some() => {
                self.section = Section::Text;
                self.steps.push(Step { title, ..Step::default() });
            }
            (HeadingLevel::H3, false) => {
                self.section = match title.as_str() {
                    "Before" => Section::Before,
                    "After" => Section::After,
                    "Notes" => Section::Notes,
                    _ => {
                        let problem = format!("a step has the parts Before, After and Notes, not '{title}'");
                        return Err(self.source.wrong(offset, problem));
                    }
                };
            }
            _ => {
                let problem = "expected one # with the title, then a ## for each step, and ### only for its parts \
                               Before, After and Notes";
                return Err(self.source.wrong(offset, problem));
            }
        }
        Ok(())
    }

    fn add(&mut self, paragraph: Paragraph, offset: usize) -> Result<(), SourceError> {
        let Some(step) = self.steps.last_mut() else {
            // Text after the title is for readers of the file and is not shown.
            return if self.title.is_some() {
                Ok(())
            } else {
                Err(self.source.wrong(offset, "expected # and a title first"))
            };
        };
        match self.section {
            Section::Title | Section::Text => step.text.push(paragraph),
            Section::Before => step.before.push(paragraph),
            Section::After => step.after.push(paragraph),
            Section::Notes => step.notes.push(paragraph),
        }
        Ok(())
    }

    fn settings(&mut self, text: &str, offset: usize) -> Result<(), SourceError> {
        let source = self.source.part(text, offset);
        let document = Document::parse(source)?;
        let table = document.root("this block");
        let Some(step) = self.steps.last_mut() else {
            table.allow(&["retry"])?;
            self.retry = Some(table.table("retry", "[retry]")?.map(scenario::retry).transpose()?.unwrap_or_default());
            return Ok(());
        };
        table.allow(&["scenario", "panels"])?;
        if let Some(name) = table.text("scenario")? {
            let wrong = |problem: String| source.wrong(name.span.start, problem);
            let mut scenario = (self.find)(name.text).map_err(wrong)?;
            if let Some(retry) = self.retry {
                scenario.retry = retry;
                let problem = |problem| format!("with the retry policy of this walkthrough, {problem}");
                scenario::check(&scenario).map_err(|why| wrong(problem(why)))?;
            }
            step.scenario = Some(scenario);
        }
        let panels = table.texts("panels")?.unwrap_or_default();
        if let Some(panel) = panels.get(MAX_PANELS) {
            return Err(source.wrong(panel.span.start, format!("a step shows at most {MAX_PANELS} panels")));
        }
        for panel in panels {
            let known = StepPanel::ALL.into_iter().find(|known| known.name() == panel.text);
            let unknown = || {
                let problem =
                    format!("there is no panel '{}'; give stock, orders, timeline, effects or supplier", panel.text);
                source.wrong(panel.span.start, problem)
            };
            step.panels.push(known.ok_or_else(unknown)?);
        }
        Ok(())
    }

    fn finish(self) -> Result<Script, SourceError> {
        let title = self.title.ok_or_else(|| self.source.wrong(0, "expected # and a title first"))?;
        if self.steps.is_empty() {
            return Err(self.source.wrong(self.source.text.len(), "expected ## and the title of a step"));
        }
        Ok(Script { title, steps: self.steps })
    }
}

/// Returns the text up to the end of a block.
fn until<'a>(events: &mut impl Iterator<Item = (Event<'a>, Range<usize>)>, ends: impl Fn(TagEnd) -> bool) -> Paragraph {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut kind = PieceKind::Plain;
    for (event, _) in events {
        let (text, as_kind) = match event {
            Event::End(end) if ends(end) => break,
            Event::Start(Tag::Strong | Tag::Emphasis) => {
                kind = PieceKind::Strong;
                continue;
            }
            Event::End(TagEnd::Strong | TagEnd::Emphasis) => {
                kind = PieceKind::Plain;
                continue;
            }
            Event::Text(text) => (text.to_string(), kind),
            Event::Code(text) => (text.to_string(), PieceKind::Code),
            Event::SoftBreak | Event::HardBreak => (" ".to_owned(), kind),
            _ => continue,
        };
        let text = sanitize(&text, MAX_PIECE_CHARS);
        match pieces.last_mut().filter(|last| last.kind == as_kind) {
            Some(last) => last.text.push_str(&text),
            None => pieces.push(Piece { text, kind: as_kind }),
        }
    }
    Paragraph { bullet: false, pieces }
}

/// Returns the text of a code block, and its offset.
fn code<'a>(events: &mut impl Iterator<Item = (Event<'a>, Range<usize>)>, start: usize) -> (String, usize) {
    let (mut text, mut offset) = (String::new(), None);
    for (event, range) in events {
        match event {
            Event::Text(more) => {
                offset = offset.or(Some(range.start));
                text.push_str(&more);
            }
            Event::End(TagEnd::CodeBlock) => break,
            _ => {}
        }
    }
    (text, offset.unwrap_or(start))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario;

    fn read(text: &str) -> Result<Script, SourceError> {
        parse("talk.md", text, |name| scenario::built_in(name).map_err(|error| error.to_string()))
    }

    const TALK: &str = "# A talk\n\nFor the reader of the file.\n\n```toml\n[retry]\ninitial_ms = 700\n```\n\n## One\n\n\
                        ```toml\nscenario = \"happy-path\"\npanels = [\"stock\", \"effects\"]\n```\n\nSome **bold** and \
                        `code`\non two lines.\n\n- an item\n- and another\n\n### Before\n\nIt comes.\n\n### After\n\nIt came.\n\n\
                        ### Notes\n\nBreathe.\n\n<!-- not shown -->\n\n## Two\n\nOnly text.\n";

    #[test]
    fn a_walkthrough_is_read_whole() {
        let script = read(TALK).unwrap();
        assert_eq!((script.title.as_str(), script.steps.len()), ("A talk", 2));
        let step = &script.steps[0];
        let scenario = step.scenario.as_ref().unwrap();
        assert_eq!((scenario.name.as_str(), scenario.retry.initial), ("happy-path", Duration::from_millis(700)));
        assert_eq!(scenario.retry.maximum, RetryWaits::default().maximum);
        assert_eq!(step.panels, [StepPanel::Stock, StepPanel::Effects]);
        let text: Vec<_> = step.text.iter().map(|of| (of.bullet, of.plain())).collect();
        assert_eq!(text[0], (false, "Some bold and code on two lines.".to_owned()));
        assert_eq!(text[1..], [(true, "an item".to_owned()), (true, "and another".to_owned())]);
        let kinds: Vec<_> = step.text[0].pieces.iter().map(|piece| (piece.text.as_str(), piece.kind)).collect();
        assert_eq!(kinds[1], ("bold", PieceKind::Strong));
        assert_eq!(kinds[3], ("code", PieceKind::Code));
        let parts = [&step.before, &step.after, &step.notes].map(|part| part[0].plain());
        assert_eq!(parts, ["It comes.", "It came.", "Breathe."]);
        assert_eq!(
            script.steps[1],
            Step { title: "Two".into(), text: script.steps[1].text.clone(), ..Step::default() }
        );
    }

    #[test]
    fn mistakes_are_reported_with_line_and_column() {
        let step = |toml: &str| format!("# A\n\n## B\n\n```toml\n{toml}\n```\n");
        for (text, at, words) in [
            (String::new(), (1, 1), "a title first"),
            ("text\n".to_owned(), (1, 1), "a title first"),
            ("# A\n".to_owned(), (2, 1), "the title of a step"),
            ("# A\n\n# B\n".to_owned(), (3, 1), "one # with the title"),
            ("# A\n\n## B\n\n### Later\n".to_owned(), (5, 1), "not 'Later'"),
            ("# A\n\n## B\n\n> quoted\n".to_owned(), (5, 1), "only headings"),
            (step("scenario = \"hapy-path\""), (6, 12), "the nearest is happy-path"),
            (step("panels = [\"stock\", \"stok\"]"), (6, 20), "there is no panel 'stok'"),
            (step("panels = [\"stock\", \"orders\", \"effects\", \"timeline\"]"), (6, 41), "at most 3"),
            (step("colour = \"red\""), (6, 1), "this block has no key \"colour\"; the keys are scenario, panels"),
            ("# A\n\n```toml\n[retry]\ninitial = 5\n```\n".to_owned(), (5, 1), "the nearest is initial_ms"),
            ("# A\n\n```toml\n[retry]\ncoefficient = 0\n```\n".to_owned(), (5, 15), "coefficient must be a whole number from 1 to 100"),
            (
                "# A\n\n```toml\n[retry]\nstart_to_close_ms = 500\n```\n\n## B\n\n```toml\nscenario = \"three-layers\"\n```\n".to_owned(),
                (11, 12),
                "with the retry policy of this walkthrough",
            ),
        ] {
            let error = read(&text).unwrap_err();
            assert_eq!((error.at.line, error.at.column), at, "{text}: {error}");
            let said = error.to_string();
            assert!(said.contains(words) && said.starts_with("talk.md, line "), "{said}");
        }
    }

    #[test]
    fn the_shipped_walkthrough_has_every_part_of_the_story() {
        let script = crate::app::testing::headless::shipped();
        let titles: Vec<_> = script.steps.iter().map(|step| step.title.as_str()).collect();
        assert_eq!(titles.len(), 11, "{titles:?}");
        for step in &script.steps {
            assert!(!step.notes.is_empty() && !step.text.is_empty(), "{}", step.title);
            assert!(step.panels.len() <= MAX_PANELS);
            assert!(step.scenario.is_none() || !step.before.is_empty() && !step.after.is_empty(), "{}", step.title);
        }
        assert_eq!(script.steps.iter().filter(|step| step.scenario.is_some()).count(), 9);
    }

    #[test]
    fn hostile_text_is_sanitized() {
        let script = read("# A\u{1b}[2J\n\n## B\u{202e}\n\ntext\u{7}\n").unwrap();
        assert!(
            script.title.is_ascii() && script.steps[0].title.is_ascii() && script.steps[0].text[0].plain().is_ascii()
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[#`>*\\-a-z\\[\\]\n =\"]{0,200}") {
            let _ = read(&text);
        }
    }
}
