//! Writes down what a core is told. Where that fails, the run goes on and says so.

use std::io::{self, Write};

use crate::{
    app::{App, Command, Core, Message, Options, Pace, Tone},
    domain::UnixMillis,
};

use super::format::{self, End, Entry, MAX_RECORDING_BYTES, What};

/// Where a recording goes.
pub struct Recorder {
    out: Box<dyn Write + Send>,
    /// The user's own folder, which is nobody else's business: it is written as `~`.
    home: Option<String>,
    begun: Option<UnixMillis>,
    now: UnixMillis,
    number: u64,
    /// In bytes.
    written: usize,
    failure: Option<io::Error>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Begins a recording. Each line is written at once, so that a crash cuts off the last one at most.
    ///
    /// # Errors
    /// The writer's.
    pub fn new(mut out: Box<dyn Write + Send>, home: Option<String>) -> io::Result<Self> {
        let header = format::header()?;
        out.write_all(&header)?;
        let home = home.map(|home| home.trim_end_matches('/').to_owned());
        let home = home.filter(|home| home.starts_with('/'));
        let written = header.len();
        Ok(Self { out, home, begun: None, now: UnixMillis(0), number: 0, written, failure: None })
    }

    /// A core begins, over the one before.
    pub fn begin(&mut self, setup: &Options) {
        self.begun = self.begun.or(Some(setup.now));
        self.now = self.now.max(setup.now);
        self.write(What::Begin(Box::new(setup.clone())));
    }

    /// The core that began last ends.
    pub fn end(&mut self) {
        self.write(What::End(End {}));
    }

    fn note(&mut self, message: &Message) {
        match message {
            Message::Tick { now } => self.now = self.now.max(*now),
            message => self.write(What::Message(Box::new(message.clone()))),
        }
    }

    fn write(&mut self, what: What) {
        if self.failure.is_some() {
            return;
        }
        self.number = self.number.saturating_add(1);
        let at = self.now.0.saturating_sub(self.begun.unwrap_or(self.now).0);
        let entry = Entry { n: self.number, at, what };
        let written = self.encode(&entry).and_then(|line| {
            self.written = self.written.saturating_add(line.len());
            if self.written > MAX_RECORDING_BYTES {
                return Err(io::Error::other("it would be longer than 64 MiB, which nobody replays"));
            }
            self.out.write_all(&line)
        });
        self.failure = written.err();
    }

    fn encode(&self, entry: &Entry) -> io::Result<Vec<u8>> {
        let Some(home) = &self.home else { return Ok(format::encode(entry)?) };
        let mut value = serde_json::to_value(entry)?;
        hide(&mut value, home);
        Ok(format::encode(&value)?)
    }

    /// Why it was given up; once.
    fn complaint(&mut self) -> Option<String> {
        let error = self.failure.as_ref()?;
        let text = format!("the recording was given up: {error}");
        // Nothing more is written, and nothing more said.
        self.out = Box::new(io::sink());
        self.failure = None;
        Some(text)
    }
}

/// `text` with `~` for the folder, and for nothing that only begins like it.
fn without_home(text: &str, home: &str) -> String {
    let mut parts = text.split(home);
    let mut hidden = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let goes_on = part.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '-' | '_' | '.'));
        hidden.push_str(if goes_on { home } else { "~" });
        hidden.push_str(part);
    }
    hidden
}

fn hide(value: &mut serde_json::Value, home: &str) {
    match value {
        serde_json::Value::String(text) if text.contains(home) => *text = without_home(text, home),
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| hide(value, home)),
        serde_json::Value::Object(values) => values.values_mut().for_each(|value| hide(value, home)),
        _ => {}
    }
}

/// A core, and the recording that is made of it where one was asked for.
#[derive(Debug)]
pub struct Recorded {
    app: App,
    recorder: Option<Recorder>,
}

impl Recorded {
    #[must_use]
    pub fn new(setup: Options, mut recorder: Option<Recorder>) -> Self {
        if let Some(recorder) = &mut recorder {
            recorder.begin(&setup);
        }
        Self { app: App::new(setup), recorder }
    }

    /// Sets the pace of the walkthrough, which is not a part of the recording.
    pub const fn set_pace(&mut self, pace: Pace) {
        self.app.view_mut().set_pace(pace);
    }

    /// The recording, to go on elsewhere.
    #[must_use]
    pub const fn take_recorder(&mut self) -> Option<Recorder> {
        self.recorder.take()
    }

    /// Goes on with a recording that was elsewhere meanwhile.
    pub fn put_recorder(&mut self, recorder: Option<Recorder>) {
        self.recorder = recorder;
    }

    /// The core, and its recording, to which its end is written.
    #[must_use]
    pub fn end(mut self) -> (App, Option<Recorder>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.end();
        }
        (self.app, self.recorder)
    }
}

impl Core for Recorded {
    fn app(&self) -> &App {
        &self.app
    }

    fn update(&mut self, message: Message) -> Vec<Command> {
        if let Some(recorder) = &mut self.recorder {
            recorder.note(&message);
            if let Some(text) = recorder.complaint() {
                let mut commands = self.app.update(Message::Notice { text, tone: Tone::Bad });
                commands.extend(self.app.update(message));
                return commands;
            }
        }
        self.app.update(message)
    }

    fn take_dirty(&mut self) -> bool {
        self.app.take_dirty()
    }

    // How the screen looks is no part of what happened.
    fn use_ascii(&mut self) {
        self.app.view_mut().use_ascii();
    }
}
