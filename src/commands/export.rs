//! Makes pictures of a recording: a screen as SVG, or all of them as an asciinema cast. Draws what the dashboard would
//! draw; needs neither a terminal nor a server.

use std::{fs, path::Path, process::ExitCode, time::Duration};

use ratatui::{
    buffer::{Buffer, Cell},
    layout::{Rect, Size},
};

use super::{Failure, print, replay};
use crate::{
    app::Look,
    cli::{ExportArgs, ScreenSize},
    picture::{Cast, svg},
    recording::Player,
    runtime::core::Core,
    ui,
};

/// A pause of more than this is one step, in milliseconds.
const STILL: u64 = 10_000;

/// Between two screens of a cast, in milliseconds: as often as a countdown moves.
const STEP: u64 = 100;

pub fn run(args: &ExportArgs) -> Result<ExitCode, Failure> {
    let name = args.recording.as_deref().unwrap_or(replay::FIRST);
    // The look of the file, whatever terminal it is made in.
    let mut player = Player::without_bar(replay::read(name)?, Look::default());
    let title = format!("idempotence: {name}");
    if let Some(file) = &args.svg {
        let since = args.when.as_deref().map_or(Ok(0), |text| first_with(&mut player, args.size, text))?;
        let behind = args.at.map(|at| u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
        let last = if args.when.is_some() { 0 } else { u64::MAX };
        player.seek(since.saturating_add(behind.unwrap_or(last)));
        write(file, &svg(&screen(&player, args.size), &title))?;
    }
    if let Some(file) = &args.cast {
        write(file, &cast(&mut player, args.size, &title))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// When the screen shows `text` for the first time, in milliseconds since the beginning.
fn first_with(player: &mut Player, size: ScreenSize, text: &str) -> Result<u64, Failure> {
    loop {
        let buffer = screen(player, size);
        let mut rows = buffer.content().chunks(usize::from(size.width));
        if rows.any(|row| row.iter().map(Cell::symbol).collect::<String>().contains(text)) {
            return Ok(player.at());
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

fn cast(player: &mut Player, size: ScreenSize, title: &str) -> String {
    let mut cast = Cast::new(Size::new(size.width, size.height), title);
    let length = player.length();
    let mut at = 0;
    loop {
        player.seek(at);
        cast.frame(Duration::from_millis(at), &screen(player, size));
        if at >= length {
            return cast.finish();
        }
        // Where nothing happens for long, nobody needs to see it not happen.
        let next = player.next_at().unwrap_or(length);
        let still = next.saturating_sub(at) > STILL;
        at = if still { next } else { at.saturating_add(STEP) }.min(length);
    }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|source| Failure::Unwritable { file: file.to_owned(), source })?;
    print::line(&format!("{} is written", file.display()));
    Ok(())
}
