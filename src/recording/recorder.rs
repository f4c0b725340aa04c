//! Records the messages that a core receives. If writing fails, recording stops with a notice and the run continues.

use std::io::{self, Write};

use crate::{
    app::{App, Command, Core, Message, Options, Pace, Tone},
    domain::UnixMillis,
};

use super::format::{self, End, Entry, EntryKind, MAX_RECORDING_BYTES};

/// Writer of a recording.
pub struct Recorder {
    out: Box<dyn Write + Send>,
    /// Path of the user's home folder, which is recorded as `~` to keep it private.
    home: Option<String>,
    /// Time of the first core's start.
    started: Option<UnixMillis>,
    now: UnixMillis,
    /// Number of the last entry.
    number: u64,
    written_bytes: usize,
    /// The write error that stopped the recording, until it is reported.
    failure: Option<io::Error>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Starts a recording. Each entry is written at once, so that a crash can damage only the last line. `home` is
    /// replaced by `~` if it is an absolute path other than `/`.
    ///
    /// # Errors
    /// Returns the error of `out` if the first line cannot be written.
    pub fn new(mut out: Box<dyn Write + Send>, home: Option<String>) -> io::Result<Self> {
        let header = format::header()?;
        out.write_all(&header)?;
        let home = home.map(|home| home.trim_end_matches('/').to_owned());
        let home = home.filter(|home| home.starts_with('/'));
        let written_bytes = header.len();
        Ok(Self { out, home, started: None, now: UnixMillis(0), number: 0, written_bytes, failure: None })
    }

    /// Records the start of a core, which interrupts the current one.
    pub fn begin(&mut self, options: &Options) {
        self.started = self.started.or(Some(options.now));
        self.now = self.now.max(options.now);
        self.write(EntryKind::Begin(Box::new(options.clone())));
    }

    /// Records the end of the current core.
    pub fn end(&mut self) {
        self.write(EntryKind::End(End {}));
    }

    fn record(&mut self, message: &Message) {
        match message {
            Message::Tick { now } => self.now = self.now.max(*now),
            message => self.write(EntryKind::Message(Box::new(message.clone()))),
        }
    }

    fn write(&mut self, kind: EntryKind) {
        if self.failure.is_some() {
            return;
        }
        self.number = self.number.saturating_add(1);
        let at = self.now.0.saturating_sub(self.started.unwrap_or(self.now).0);
        let entry = Entry { number: self.number, at, kind };
        let written = self.encode(&entry).and_then(|line| {
            self.written_bytes = self.written_bytes.saturating_add(line.len());
            if self.written_bytes > MAX_RECORDING_BYTES {
                return Err(io::Error::other("it would be larger than 64 MiB, the maximum of a recording"));
            }
            self.out.write_all(&line)
        });
        self.failure = written.err();
    }

    fn encode(&self, entry: &Entry) -> io::Result<Vec<u8>> {
        let Some(home) = &self.home else { return Ok(format::encode(entry)?) };
        let mut value = serde_json::to_value(entry)?;
        hide_home(&mut value, home);
        Ok(format::encode(&value)?)
    }

    /// Reports once that the recording stopped, and why.
    fn take_failure(&mut self) -> Option<String> {
        let error = self.failure.as_ref()?;
        let text = format!("recording stopped: {error}");
        // Later entries are discarded without another error.
        self.out = Box::new(io::sink());
        self.failure = None;
        Some(text)
    }
}

/// Replaces the home folder in `text` by `~`, except in longer names that begin with it.
fn without_home(text: &str, home: &str) -> String {
    let mut parts = text.split(home);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_longer_name = part.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '-' | '_' | '.'));
        replaced.push_str(if is_longer_name { home } else { "~" });
        replaced.push_str(part);
    }
    replaced
}

/// Replaces the home folder by `~` in every text of a JSON value, except in keys.
fn hide_home(value: &mut serde_json::Value, home: &str) {
    match value {
        serde_json::Value::String(text) if text.contains(home) => *text = without_home(text, home),
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| hide_home(value, home)),
        serde_json::Value::Object(values) => values.values_mut().for_each(|value| hide_home(value, home)),
        _ => {}
    }
}

/// A core whose messages are recorded if it has a recorder.
#[derive(Debug)]
pub struct Recorded {
    app: App,
    recorder: Option<Recorder>,
}

impl Recorded {
    /// Makes a core and records its start.
    #[must_use]
    pub fn new(options: Options, mut recorder: Option<Recorder>) -> Self {
        if let Some(recorder) = &mut recorder {
            recorder.begin(&options);
        }
        Self { app: App::new(options), recorder }
    }

    /// Sets the pace of the walkthrough. The recording does not contain it.
    pub const fn set_pace(&mut self, pace: Pace) {
        self.app.view_mut().set_pace(pace);
    }

    /// Takes the recorder, to record another core that interrupts this one.
    #[must_use]
    pub const fn take_recorder(&mut self) -> Option<Recorder> {
        self.recorder.take()
    }

    /// Returns the recorder that [`take_recorder`](Self::take_recorder) took.
    pub fn put_recorder(&mut self, recorder: Option<Recorder>) {
        self.recorder = recorder;
    }

    /// Records the end of the core, and returns the core and the recorder.
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
            recorder.record(&message);
            if let Some(text) = recorder.take_failure() {
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

    // The appearance of the screen is not recorded.
    fn use_ascii(&mut self) {
        self.app.view_mut().use_ascii();
    }
}
