//! The lane of all signals of an execution: the newest ones with their arguments.

use ratatui::text::Line;

use crate::{
    app::{App, Item, ItemKind, Signals, age},
    domain::PayloadContent,
};

use super::{
    super::{glyphs, theme},
    values::named,
};

/// Signals that are listed.
const MAX_LISTED: usize = 100;

/// The lines about the signals, the newest first.
pub fn lines(app: &App, signals: &Signals, width: usize) -> Vec<Line<'static>> {
    let kept =
        if signals.dropped() > 0 { format!(", the newest {} are kept", signals.iter().count()) } else { String::new() };
    let mark = glyphs::RECEIVED;
    let state = format!("{} {} {}{kept}", mark.glyph, signals.total(), mark.word);
    let mut lines = named("state", &state, mark.style, width);
    for signal in signals.iter().rev().take(MAX_LISTED) {
        lines.extend(named(&format!("{} ago", age(signal.from, app.shown_now())), &text(signal), theme::PLAIN, width));
    }
    let older = signals.iter().count().saturating_sub(MAX_LISTED);
    if older > 0 {
        lines.extend(named("", &format!("… {older} older"), theme::FAINT, width));
    }
    lines
}

/// Its name, its arguments and its sender: `add_item("tea")  from 77@shop`.
fn text(signal: &Item) -> String {
    let ItemKind::Signal { name, input, from } = &signal.kind else { return signal.label().to_owned() };
    let input: Vec<_> = input.iter().map(PayloadContent::to_string).collect();
    let from = if from.is_empty() { String::new() } else { format!("  from {from}") };
    format!("{name}({}){from}", input.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::{
        domain::EventKind,
        ui::{
            tests::{find, frame, text},
            watch::scenes::{Watching, json, options},
        },
    };

    /// A retrying activity, and signals of these names.
    fn signalled(names: &[&str], count: usize) -> Watching {
        let mut scene = Watching::execution();
        scene.started();
        scene.schedule("charge_card", "5", options());
        for number in 0..count {
            let name = names[number % names.len()].into();
            scene.event(EventKind::Signaled { name, input: vec![json(&number.to_string())], from: "cli".into() });
            if number % 100 == 0 {
                scene.wait(100);
            }
        }
        let waiting = scene.fail("charge_card", "5", 3);
        scene.report(vec![waiting]);
        scene
    }

    #[test]
    fn hundreds_of_signals_share_a_lane_and_the_attempts_keep_their_columns() {
        let rows = |scene: &Watching| {
            let shown = text(&frame(&scene.app, 120, 40));
            shown.lines().find(|line| line.contains("charge_card 5")).unwrap().to_owned()
        };
        let scene = signalled(&["approve", "add_item"], 700);
        let shown = frame(&scene.app, 120, 40);
        assert_eq!(find(&shown, "signals (700)").1.abs_diff(find(&shown, "charge_card 5").1), 1);
        assert!(text(&shown).lines().filter(|line| line.contains("signal")).count() < 5);
        for number in 1..=3 {
            find(&shown, &format!("#{number} "));
        }
        let glyphs = |row: &str| row.matches('✗').count();
        assert_eq!((glyphs(&rows(&scene)), glyphs(&rows(&signalled(&["approve"], 1)))), (3, 3));
    }

    #[test]
    fn the_selected_lane_lists_the_newest_signals_with_their_arguments() {
        let mut scene = signalled(&["approve", "add_item"], 700);
        scene.tell(crate::app::Message::Intent(crate::app::Intent::Select(crate::app::Move::Down)));
        let shown = frame(&scene.app, 120, 40);
        find(&shown, "» 700 received, the newest 500 are kept");
        find(&shown, "add_item(699)  from cli");
        assert!(find(&shown, "approve(698)  from cli").1 > find(&shown, "add_item(699)").1);
        let one = signalled(&["approve"], 2);
        find(&frame(&one.app, 80, 24), "signal approve (2)");
    }
}
