//! Frames of scripted scenes: their texts and styles, at every size.

use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier},
};
use tui_input::InputRequest;

use crate::{
    app::{
        App, Appearance, Command, Intent, Link, Message, Move, Options, Overlay, Panel, Security, Server, Tone, Worker,
        testing::fixture::{self, SUPPLIER, Scene, UPDATE},
    },
    domain::UnixMillis,
    faults::Point,
    keymap::KEYMAP,
    store::{CommitOutcome, News},
};

pub fn frame(app: &App, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| super::draw(frame, app)).unwrap();
    terminal.backend().buffer().clone()
}

pub fn text(buffer: &Buffer) -> String {
    let rows = buffer.content().chunks(usize::from(buffer.area.width).max(1));
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned() + "\n")
        .collect()
}

/// Column and row at which `words` begin.
pub(super) fn find(buffer: &Buffer, words: &str) -> (u16, u16) {
    let found = text(buffer).lines().enumerate().find_map(|(y, line)| {
        let x = line.find(words)?;
        Some((line[..x].chars().count(), y))
    });
    let (x, y) = found.unwrap_or_else(|| panic!("{words:?} is not in\n{}", text(buffer)));
    (u16::try_from(x).unwrap(), u16::try_from(y).unwrap())
}

pub(super) fn assert_style(buffer: &Buffer, words: &str, colour: Color, modifier: Modifier) {
    let cell = &buffer[find(buffer, words)];
    assert_eq!((cell.fg, cell.modifier), (colour, modifier), "{words}");
}

#[test]
fn units_on_order_are_shown_without_a_supplier_too() {
    let (scene, _) = Scene::on_order();
    for (width, height) in [(80, 24), (120, 40)] {
        find(&frame(&scene.app, width, height), "supplier: none known, 1000 on order");
    }
    assert!(!text(&frame(&Scene::right().app, 80, 24)).contains("none known"));
}

#[test]
fn the_header_and_the_line_below_agree_on_a_worker_elsewhere() {
    let mut scene = Scene::new();
    scene.tell(Message::Worker(Worker::Absent));
    for (polling, expected) in [(false, "worker ✗ none"), (true, "worker ● elsewhere")] {
        let identities = polling.then(|| "idempotence-worker@3081@there".to_owned()).into_iter().collect();
        scene.tell(Message::Pollers { identities });
        find(&frame(&scene.app, 100, 30), expected);
    }
}

pub(super) fn scenes() -> Vec<(&'static str, App)> {
    let mut provisioning = App::new(fixture::setup());
    provisioning.update(Message::Server(Server::Preparing { step: "downloading 41 %".into() }));
    let mut killed = Scene::mid_retry();
    killed.wait(1_700);
    killed.started(UPDATE, 3);
    killed.crash(UPDATE, 3, Point::AfterCommit);
    killed.tell(Message::Worker(Worker::Killed));
    killed.wait(1_000);
    let mut down = Scene::right();
    let next_try = UnixMillis(down.now + 4_000);
    down.tell(Message::Link(Link::Down { cause: "connection refused".into(), attempt: 2, next_try }));
    let mut help = Scene::right();
    help.press(Intent::Help);
    let mut question = Scene::mid_retry();
    question.press(Intent::AskReset);
    let mut stale = Scene::right();
    stale.tell(Message::JournalUnreadable { cause: "permission denied".into() });
    stale.press(Intent::Freeze);
    let watched = super::watch::scenes::scenes().into_iter().map(|(name, scene)| (name, scene.app));
    let mut all = vec![
        ("empty", App::new(fixture::setup())),
        ("provisioning", provisioning),
        ("ready", Scene::new().app),
        ("mid-retry", Scene::mid_retry().app),
        ("right", Scene::right().app),
        ("wrong", Scene::wrong().app),
        ("killed", killed.app),
        ("down", down.app),
        ("help", help.app),
        ("question", question.app),
        ("stale", stale.app),
        ("many", many().app),
    ];
    all.extend(watched);
    all
}

/// A burst with an order in each state.
fn many() -> Scene {
    let mut scene = Scene::right();
    let commands = scene.press(Intent::Burst);
    let names = ["K7-1", "K7-2", "K7-3", "K7-4", "K7-5"];
    for (index, (command, order)) in commands.iter().zip(names).enumerate() {
        scene.begin(command, &format!("run-{index}"));
        scene.order = order;
        scene.started(UPDATE, 1);
        if index > 0 {
            scene.commit(UPDATE, 1, -1);
            scene.failed(UPDATE, 1, Point::AfterCommit);
        }
        if index > 2 {
            scene.started(UPDATE, 2);
            scene.done(UPDATE, 2, CommitOutcome::Replayed);
            scene.started(SUPPLIER, 1);
        }
        if index > 3 {
            scene.commit(SUPPLIER, 1, 0);
            scene.done(SUPPLIER, 1, CommitOutcome::Applied);
        }
    }
    scene.tell(Message::StartFailed {
        ticket: 8,
        order: "K7-7".into(),
        workflow: "order-K7-7".into(),
        cause: "deadline exceeded".into(),
    });
    scene.wait(500);
    scene
}

#[test]
fn no_size_makes_it_panic() {
    for (_, app) in scenes() {
        for height in 0..=40 {
            for width in 0..=60 {
                let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
                super::draw_on(&mut buffer, Rect::new(0, 0, width, height), &app);
            }
        }
        for (width, height) in [(60, 16), (61, 17), (76, 20), (80, 24), (100, 31), (100, 32), (120, 40), (200, 60)] {
            frame(&app, width, height);
        }
        super::draw_on(&mut Buffer::empty(Rect::new(0, 0, 80, 24)), Rect::new(70, 20, 120, 40), &app);
    }
}

#[test]
fn a_waiting_retry_is_explained_at_both_sizes() {
    let app = Scene::mid_retry().app;
    for (width, height) in [(80, 24), (120, 40)] {
        let frame = frame(&app, width, height);
        for words in [
            "localhost:7233 ● connected",
            "● ready 4242",
            "guard ledger",
            "FAULTS original",
            "seed 42",
            "A12",
            "retrying",
            "✗!○",
            "attempt 3 in 2 s",
            "not confirmed",
            "OUTCOME UNKNOWN",
            "failed after commit",
            "1000 → 1 (-999)",
            "retries: update 1",
            "expected 1 = actual 1",
        ] {
            find(&frame, words);
        }
        assert_style(&frame, " PENDING ", Color::Magenta, Modifier::BOLD | Modifier::REVERSED);
        assert_style(&frame, "not confirmed", Color::Magenta, Modifier::empty());
        assert_style(&frame, " OUTCOME UNKNOWN ", Color::Magenta, Modifier::BOLD | Modifier::REVERSED);
    }
}

#[test]
fn long_texts_wrap_and_are_not_cut() {
    let mut scene = Scene::mid_retry();
    let address = format!("opening http://localhost:8233/{}", "page/".repeat(24));
    scene.tell(Message::Notice { text: address.clone(), tone: Tone::Plain });
    let shown = text(&frame(&scene.app, 80, 24));
    let flat: String = shown.split_whitespace().collect();
    assert!(flat.contains(&address.replace(' ', "")), "{shown}");
}

#[test]
fn how_many_starts_joined_is_never_cut() {
    let mut scene = Scene::mid_retry();
    let commands = scene.press(Intent::SameStart);
    let Command::StartOrder(start) = &commands[0] else { panic!("{commands:?}") };
    let (ticket, order, workflow) = (start.ticket, start.order.to_string(), start.workflow.clone());
    scene.tell(Message::Started { ticket, order, workflow, run: scene.run.clone(), joined: true });
    find(&frame(&scene.app, 120, 40), "A12 +1 dup ");
    for width in [60, 80] {
        find(&frame(&scene.app, width, 24), "A12 +1 ");
    }
}

#[test]
fn ascii_writes_changes_and_differences_as_people_do() {
    let look = Appearance { ascii: true, ..Appearance::default() };
    let mut scene = Scene::wrong();
    let mut app = App::new(Options { appearance: look, ..fixture::setup() });
    let records = std::mem::take(&mut scene.records);
    app.update(Message::Journal(News { restarted: true, records, ..News::default() }));
    for words in ["1000 -> 1 (-999)", "expected 1001 != actual 2"] {
        find(&frame(&app, 80, 24), words);
    }
}

#[test]
fn the_seed_scenario_ends_right() {
    let app = Scene::right().app;
    for (width, height) in [(80, 24), (120, 40)] {
        let frame = frame(&app, width, height);
        for words in ["✗!↺", "expected 1001 = actual 1001", "each effect applied once", "1 → 1001 (+1000)"] {
            find(&frame, words);
        }
        assert_style(&frame, "✓ applied once", Color::Green, Modifier::empty());
        assert_style(&frame, " RIGHT ", Color::Green, Modifier::BOLD | Modifier::REVERSED);
    }
    find(&frame(&app, 120, 40), "\"inStock\": 1001,");
}

#[test]
fn an_order_applied_twice_is_seen_from_the_back_of_the_room() {
    let app = Scene::wrong().app;
    for (width, height) in [(80, 24), (120, 40)] {
        let frame = frame(&app, width, height);
        for words in ["GUARD OFF", "applied twice: order:A12", "expected 1001 ≠ actual 2", "!2", "1 → -998 (-999)"]
        {
            find(&frame, words);
        }
        for words in [" WRONG ", "APPLIED TWICE", " GUARD OFF "] {
            assert_style(&frame, words, Color::Red, Modifier::BOLD | Modifier::REVERSED);
        }
    }
}

#[test]
fn the_help_can_be_read_to_its_end() {
    for (width, height) in [(60, 16), (80, 24), (120, 40)] {
        let mut scene = Scene::new();
        scene.press(Intent::Help);
        let mut shown = String::new();
        loop {
            let page = text(&frame(&scene.app, width, height));
            shown.push_str(&page);
            if !page.contains("more line") || page.contains(" 0 more lines") {
                break;
            }
            scene.press(Intent::Select(Move::Down));
        }
        assert!(width < 80 || !shown.contains('…'), "nothing is cut:\n{shown}");
        for binding in KEYMAP {
            assert!(shown.contains(&format!("{}  {}", binding.shown, binding.long)), "{}\n{shown}", binding.shown);
        }
        for words in
            ["a replay from the ledger", "OUTCOME UNKNOWN", "last-order", "crash-after-commit", "! after commit"]
        {
            assert!(shown.contains(words), "{words}\n{shown}");
        }
    }
}

#[test]
fn effects_are_beside_the_timeline_or_replace_it() {
    let mut scene = Scene::right();
    find(&frame(&scene.app, 120, 40), " 1 (±0) ");
    assert!(!text(&frame(&scene.app, 80, 24)).contains(" 1 (±0) "));
    scene.press(Intent::Focus(Panel::Effects));
    find(&frame(&scene.app, 80, 24), " 1 (±0) ");
}

#[test]
fn a_mistake_in_a_plan_is_marked_at_its_position() {
    let mut scene = Scene::new();
    scene.press(Intent::EditPlan);
    scene.press(Intent::Edit(InputRequest::DeleteLine));
    for character in "update.after-commit=1*eror".chars() {
        scene.press(Intent::Edit(InputRequest::InsertChar(character)));
    }
    for (width, height) in [(80, 24), (120, 40)] {
        let frame = frame(&scene.app, width, height);
        let (x, y) = find(&frame, "update.after-commit=1*eror");
        assert_eq!(find(&frame, "^"), (x + 22, y + 1), "under the e of eror");
        assert_style(&frame, "✗ expected an action", Color::Red, Modifier::empty());
    }
}

#[test]
fn each_page_shows_what_it_is_for() {
    for (intent, words) in [
        (Intent::Statistics, vec!["injected  33 %   planned  34 %   1 of 3", "activities by their number of attempts"]),
        (Intent::Log, vec!["worker 4242 is polling", "connected"]),
        (Intent::ShowCommand, vec!["temporal workflow start", "--workflow-id order-A12", "temporal workflow describe"]),
    ] {
        let mut scene = Scene::right();
        scene.press(intent);
        for (width, height) in [(80, 24), (120, 40)] {
            let shown = frame(&scene.app, width, height);
            for words in &words {
                find(&shown, words);
            }
        }
        scene.press(intent);
        assert_eq!(scene.app.overlay(), Overlay::None, "the same key closes it");
    }
}

#[test]
fn a_small_terminal_shows_the_size_it_needs() {
    let app = Scene::new().app;
    find(&frame(&app, 59, 16), "60x16");
    find(&frame(&app, 60, 16), "RIGHT");
}

#[test]
fn the_footer_offers_only_what_can_be_done() {
    let mut scene = Scene::new();
    let footer = |scene: &Scene| text(&frame(&scene.app, 120, 40)).lines().last().unwrap().to_owned();
    assert!(footer(&scene).contains("x kill") && !footer(&scene).contains("again"), "{}", footer(&scene));
    scene.tell(Message::Worker(Worker::Stopped));
    assert!(footer(&scene).contains("start worker") && !footer(&scene).contains("x kill"), "{}", footer(&scene));
    scene.press(Intent::AskReset);
    assert!(footer(&scene).contains("y yes") && !footer(&scene).contains("order"), "{}", footer(&scene));
}

#[test]
fn no_key_in_the_footer_is_cut() {
    let mut scene = Scene::right();
    for intent in [Intent::Help, Intent::Log, Intent::Compare, Intent::Filter, Intent::AskReset] {
        for overlaid in [false, true] {
            if overlaid {
                scene.press(intent);
            }
            for width in 60..=200 {
                let shown = text(&frame(&scene.app, width, 24));
                let footer = shown.lines().last().unwrap();
                assert!(!footer.contains('…') && footer.chars().count() <= usize::from(width), "{width}: {footer}");
            }
        }
        scene.press(Intent::Close);
    }
}

#[test]
fn ten_thousand_orders_scroll_to_the_first() {
    let mut scene = Scene::new();
    for index in 0..10_000 {
        scene.workflow = format!("order-{index}");
        scene.order = if index == 0 { "FIRST" } else { "A12" };
        scene.started(UPDATE, 1);
    }
    find(&frame(&scene.app, 80, 24), "1 of 10000");
    scene.press(Intent::Select(Move::Last));
    let shown = frame(&scene.app, 80, 24);
    find(&shown, "▌ FIRST");
    find(&shown, "10000 of 10000");
}

#[test]
fn how_the_connection_is_secured_is_in_the_header_at_every_width() {
    let cases = [
        (Security::Local, None),
        (Security::Tls, Some("TLS")),
        (Security::Open, Some(" NO TLS ")),
        (Security::Unverified, Some(" TLS UNVERIFIED ")),
    ];
    for (security, words) in cases {
        let server = "myns.abcdf.tmprl.cloud:7233".to_owned();
        let mut app = App::new(Options { security, server, encrypted: true, ..fixture::setup() });
        app.update(Message::Link(Link::Up));
        for (width, height) in [(60, 16), (80, 24), (120, 40)] {
            let text = text(&frame(&app, width, height));
            let header = text.lines().next().unwrap();
            match words {
                Some(words) => assert!(header.contains(words), "{header}"),
                None => assert!(!header.contains("TLS"), "{header}"),
            }
            assert!(header.contains("worker ") && text.contains("encrypted"), "{text}");
        }
    }
}
