//! Prints a recording as lines, one per event, for a terminal without a cursor or for a screen reader. It prints no
//! escape sequences and does not wait.

use crate::{
    app::{App, Appearance, Core, Link, Message, Paragraph, StepState, Worker, summary},
    commands::{
        demo::lines::describe,
        print,
        watch::{
            followed::{EventFinders, Followed, shown_runs},
            lines::sentence,
        },
    },
    recording::{EntryKind, Player, Recording},
};

/// Prints all events of a recording.
pub fn print_all(recording: Recording, look: Appearance) {
    let entries = recording.entries.clone();
    let mut player = Player::new(recording, look);
    let (mut shown, mut finders) = (None, EventFinders::default());
    let mut others = Followed::new(player.app().options().clone());
    print_step(player.app(), &mut shown);
    for entry in &entries {
        player.step();
        if let EntryKind::Message(message) = &entry.kind {
            let (watch, now) = (player.app().watch(), player.app().shown_now());
            others.update(&Message::Tick { now });
            others.update(message);
            others.follow(watch.filter(|_| player.app().only_watches()));
            let mut texts = sentences(message);
            texts.extend(
                shown_runs(player.app()).flat_map(|watched| finders.find(watched, now)).map(|event| sentence(&event)),
            );
            let followed = others.watched().flat_map(|watched| finders.find(watched, now));
            texts.extend(followed.map(|event| format!("{}  {}", event.workflow, sentence(&event))));
            for text in texts {
                print::line(&format!("{:>4}.{:03} s  {text}", entry.at / 1_000, entry.at % 1_000));
            }
        }
        print_step(player.app(), &mut shown);
    }
    if !player.app().only_watches() {
        print::line(&summary(player.app()));
    }
}

/// Returns the lines for a message, one per record.
pub(in crate::commands) fn sentences(message: &Message) -> Vec<String> {
    match message {
        Message::Journal(news) => {
            let described = news.records.iter().filter_map(|record| describe(&record.fact));
            described.map(|(order, text)| order.map_or(text.clone(), |order| format!("{order:<8} {text}"))).collect()
        }
        Message::Started { order, workflow, .. } => vec![format!("{order:<8} started: workflow {workflow}")],
        Message::StartFailed { order, cause, .. } => vec![format!("{order:<8} not started: {cause}")],
        Message::Worker(Worker::Ready { pid }) => vec![format!("worker {pid} is polling")],
        Message::Worker(Worker::Killed) => vec!["worker killed".to_owned()],
        Message::Worker(Worker::Exited { cause, .. }) => vec![format!("worker ended: {cause}")],
        Message::Link(Link::Up) => vec!["connected to the server".to_owned()],
        Message::Link(Link::Down { cause, .. }) => vec![format!("not connected: {cause}")],
        _ => Vec::new(),
    }
}

/// Prints each new step of a walkthrough and its result.
pub(in crate::commands) fn print_step(app: &App, shown: &mut Option<(usize, &'static str)>) {
    let Some(walkthrough) = app.walkthrough() else { return };
    let Some((step, state)) = walkthrough.step() else { return };
    let (at, count) = walkthrough.position();
    let word = word(state);
    let before = shown.replace((at, word));
    if before == Some((at, word)) {
        return;
    }
    if before.is_none_or(|(before, _)| before != at) {
        print::line("");
        print::line(&format!("step {} of {count}: {}", at + 1, step.title));
        step.text.iter().for_each(print_paragraph);
    }
    if !word.is_empty() {
        print::line(word);
    }
    match state {
        StepState::Played(judged) => {
            step.after.iter().for_each(print_paragraph);
            if let Some(complaint) = judged.complaint() {
                print::line(&complaint);
            }
        }
        StepState::Abandoned(why) => print::line(why),
        _ => {}
    }
}

const fn word(state: &StepState) -> &'static str {
    match state {
        StepState::Ready | StepState::Read => "",
        StepState::Playing => "playing:",
        StepState::Played(_) => "seen:",
        StepState::Abandoned(_) => "no end:",
        StepState::Skipped => "skipped",
    }
}

fn print_paragraph(paragraph: &Paragraph) {
    let mark = if paragraph.bullet { "- " } else { "" };
    let text: String = paragraph.pieces.iter().map(|piece| piece.text.as_str()).collect();
    print::line(&format!("{mark}{text}"));
}
