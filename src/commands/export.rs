//! Exports a recording: one screen as SVG, or all screens as an asciinema cast. It uses the dashboard's drawing code,
//! and needs neither a terminal nor a server.

use std::{
    fs,
    io::{self, IsTerminal},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use ratatui::{
    buffer::{Buffer, Cell},
    layout::{Rect, Size},
};

use crate::{
    app::{Appearance, Core},
    cli::{ExportArgs, ScreenSize},
    picture::{Cast, svg},
    recording::Player,
    ui,
};

use super::{
    Failure, print,
    progress::{Counter, counted},
    replay,
};

/// File name that means standard output.
const STANDARD: &str = "-";

/// Maximum pause between two steps of a cast, in milliseconds.
const STILL: u64 = 10_000;

/// Interval between two screens of a cast, in milliseconds, which is that of a countdown.
const STEP: u64 = 100;

/// Reads the recording and writes the requested files.
pub fn run(args: &ExportArgs) -> Result<ExitCode, Failure> {
    let targets = Targets::of(args)?;
    let (width, height) = ui::SMALLEST;
    if args.size.width < width || args.size.height < height {
        let ScreenSize { width: columns, height: rows } = args.size;
        return Err(Failure::Usage(format!("{columns}x{rows} is too small: the smallest screen is {width}x{height}")));
    }
    let name = args.recording.as_deref().unwrap_or(replay::FIRST);
    // The appearance of the exported file does not depend on this terminal.
    let mut player = Player::without_bar(replay::read(name)?, Appearance::default());
    let title = format!("idempotence: {}", replay::shown(name));
    if let Some(file) = targets.svg {
        counted("looking for the screen", |counter| seek(&mut player, args, counter))?;
        write(file, &svg(&screen(&player, args.size), &title))?;
    }
    if let Some(file) = targets.cast {
        let cast = counted("drawing the screens", |counter| cast(&mut player, args.size, &title, counter));
        write(file, &cast)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Format and file of the export.
struct Targets<'a> {
    svg: Option<&'a Path>,
    cast: Option<&'a Path>,
}

impl<'a> Targets<'a> {
    fn of(args: &'a ExportArgs) -> Result<Self, Failure> {
        let (svg, cast) = (args.svg.as_deref(), args.cast.as_deref());
        let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
        match (svg, cast) {
            (Some(svg), Some(cast)) if svg == cast => usage("--svg and --cast cannot be written to the same file"),
            (None, Some(_)) if args.when.is_some() || args.at.is_some() => {
                usage("--when and --at choose the screen of --svg; --cast has all screens")
            }
            (None, None) if io::stdout().is_terminal() => {
                usage("nothing to write: use --svg FILE for one screen or --cast FILE for all; - is standard output")
            }
            (None, None) => Ok(Self { svg: Some(Path::new(STANDARD)), cast }),
            (svg, cast) => Ok(Self { svg, cast }),
        }
    }
}

/// Seeks to the requested screen.
fn seek(player: &mut Player, args: &ExportArgs, counter: &Counter) -> Result<(), Failure> {
    let since = args.when.as_deref().map_or(Ok(0), |text| first_with(player, args.size, text, counter))?;
    let last = if args.when.is_some() { 0 } else { u64::MAX };
    let after = args.at.map(|at| u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
    let (at, length) = (since.saturating_add(after.unwrap_or(last)), player.length());
    if after.is_some() && at > length {
        let seconds = |millis: u64| format!("{}.{:03} s", millis / 1_000, millis % 1_000);
        print::problem(&format!("the recording ends after {}; using its last screen", seconds(length)));
    }
    player.seek(at);
    Ok(())
}

/// Returns the time at which the screen first shows `text`, in milliseconds since the start of the recording.
fn first_with(player: &mut Player, size: ScreenSize, text: &str, counter: &Counter) -> Result<u64, Failure> {
    loop {
        counter.set(player.position(), player.length());
        let buffer = screen(player, size);
        let mut rows = buffer.content().chunks(usize::from(size.width));
        if rows.any(|row| row.iter().map(Cell::symbol).collect::<String>().contains(text)) {
            return Ok(player.position());
        }
        if !player.step() {
            return Err(Failure::Usage(format!("no screen of this recording shows '{text}'")));
        }
    }
}

fn screen(player: &Player, ScreenSize { width, height }: ScreenSize) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    ui::draw_on(&mut buffer, area, player.app());
    buffer
}

fn cast(player: &mut Player, size: ScreenSize, title: &str, counter: &Counter) -> String {
    let mut cast = Cast::new(Size::new(size.width, size.height), title);
    let length = player.length();
    let mut at = 0;
    loop {
        player.seek(at);
        counter.set(at, length);
        cast.frame(Duration::from_millis(at), &screen(player, size));
        if at >= length {
            return cast.finish();
        }
        // Long periods without an event are shortened.
        let next = player.next_at().unwrap_or(length);
        let still = next.saturating_sub(at) > STILL;
        at = if still { next } else { at.saturating_add(STEP) }.min(length);
    }
}

/// Writes the file. The confirmation goes to standard error, because `file` may be standard output.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let unwritable = |source| Failure::Unwritable { file: file.to_owned(), source };
    if file == Path::new(STANDARD) {
        let name = || Path::new("standard output").to_owned();
        return print::file(text).map_err(|source| Failure::Unwritable { file: name(), source });
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    if let Some(folder) = folder {
        return Err(Failure::NoFolder { file: file.to_owned(), folder: folder.to_owned() });
    }
    fs::write(file, text).map_err(unwritable)?;
    print::problem(&format!("wrote {}", file.display()));
    Ok(())
}
