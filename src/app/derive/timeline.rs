//! The timeline of a run: attempts, waits and items of several lanes as columns over one axis of time. `ui` only paints it.

use std::time::Duration;

use crate::{
    app::{
        RetryWaits,
        orders::{activity_attempts::AttemptView, execution::Execution},
        watch::{Item, ItemKind, Lane},
    },
    domain::{UnixMillis, millis},
};

use super::{
    axis::{Axis, Piece},
    history::{LaneHistory, Segment, SegmentKind, history},
};

/// Minimum duration of a wait that gets a column in any case.
const MIN_VISIBLE_WAIT: Duration = Duration::from_millis(100);

/// Milliseconds between two ticks.
const TICK_STEPS: [u64; 20] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 300_000, 900_000, 3_600_000,
    21_600_000, 86_400_000,
];

/// Approximate number of columns between two ticks.
const COLUMNS_PER_TICK: u64 = 8;

/// The timeline of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline<'a> {
    /// The first column of the axis; the columns before it are for a note about attempts that are left out.
    pub first: u16,
    /// A picture per lane.
    pub pictures: Vec<Picture<'a>>,
    /// The ticks of the axis.
    pub ticks: Vec<Tick>,
    /// Columns at which the axis is compressed.
    pub gaps: Vec<u16>,
}

/// One lane in a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture<'a> {
    /// The lane.
    pub lane: Lane<'a>,
    /// Attempts before those that are shown.
    pub earlier: u64,
    /// From left to right, without overlap; an attempt has at least one column.
    pub spans: Vec<Span<'a>>,
    /// Its crash window.
    pub window: Option<Window>,
    /// Attempts that ended after Temporal had given them up, with the column of their end.
    pub late: Vec<(u16, AttemptView<'a>)>,
}

/// A segment in columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'a> {
    /// First column.
    pub from: u16,
    /// Column after the last.
    pub to: u16,
    /// Up to this column it is past; from there on it is expected.
    pub passed: u16,
    /// It is drawn shorter than to scale.
    pub compressed: bool,
    /// The segment.
    pub segment: Segment<'a>,
}

/// The crash window in columns; an open one ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First column.
    pub from: u16,
    /// Column after the last.
    pub to: u16,
    /// Temporal still does not know the effect.
    pub open: bool,
}

/// A tick of the axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Its column.
    pub column: u16,
    /// The time since the first segment began.
    pub label: String,
}

/// The timeline of these lanes of a run, on `columns` columns. `waits`: the retry policy of an order's own activities.
#[must_use]
pub fn timeline<'a, L: Into<Lane<'a>>>(
    execution: &'a Execution,
    lanes: impl IntoIterator<Item = L>,
    waits: &RetryWaits,
    now: UnixMillis,
    columns: u16,
) -> Timeline<'a> {
    let mut histories = history(execution, lanes, waits, now);
    let origin = histories.iter().filter_map(|history| history.segments.first()).map(|first| first.from.0).min();
    let mut first = 0;
    let mut earlier = leave_out(&mut histories, columns);
    if earlier.iter().any(|earlier| *earlier > 0) {
        first = note_columns(columns);
        let more = leave_out(&mut histories, columns.saturating_sub(first));
        earlier.iter_mut().zip(more).for_each(|(earlier, more)| *earlier = earlier.saturating_add(more));
    }
    let axis = axis(&histories, waits, first, columns);
    let ticks = ticks(&axis, origin.unwrap_or(0), first, columns);
    let pictures = histories.into_iter().zip(earlier);
    let pictures = pictures.map(|(history, earlier)| picture(execution, history, earlier, &axis, now)).collect();
    Timeline { first, pictures, ticks, gaps: axis.gaps().collect() }
}

fn axis(histories: &[LaneHistory<'_>], waits: &RetryWaits, first: u16, columns: u16) -> Axis {
    let mut pieces: Vec<_> = histories.iter().flat_map(pieces).collect();
    let [initial, maximum] = first_and_longest_wait(histories, waits).map(millis::whole);
    // Short orders share a scale, so that the timeline does not move when the first wait begins.
    let [start, end] = [pieces.iter().map(|piece| piece.from).min(), pieces.iter().map(|piece| piece.to).max()];
    if let (Some(start), Some(end)) = (start, end)
        && end - start < initial
    {
        pieces.push(Piece { from: end, to: start + initial, must_show: false });
    }
    // The waits of the retry policy are to scale. They last a little longer, because a worker needs a moment to begin.
    let plain = maximum.max(initial.saturating_mul(5)).min(initial.saturating_mul(10));
    Axis::new(&pieces, first, columns, initial / 2, plain.saturating_add(plain / 5))
}

/// The waits for which the axis is made: of the policy with the shortest first wait, if the lanes have policies of their own.
fn first_and_longest_wait(histories: &[LaneHistory<'_>], waits: &RetryWaits) -> [Duration; 2] {
    let recorded = histories.iter().filter_map(|history| history.lane.activity()?.activity_record()?.options.as_ref());
    let shortest = recorded.map(|options| &options.retry).min_by_key(|retry| retry.initial);
    shortest.map_or([waits.initial, waits.maximum], |retry| [retry.initial, retry.maximum_wait()])
}

/// Columns for a note about attempts that are left out.
const fn note_columns(columns: u16) -> u16 {
    match columns {
        0..20 => 0,
        20..60 => 6,
        _ => 14,
    }
}

/// The pieces of a lane. Signals are one, so that hundreds of them do not push the attempts apart.
fn pieces(history: &LaneHistory<'_>) -> Vec<Piece> {
    match (history.lane, history.segments.as_slice()) {
        (Lane::Signals(_), [first, .., last]) => {
            vec![Piece { from: first.from.0, to: last.to.0, must_show: false }]
        }
        (_, segments) => segments.iter().map(piece).collect(),
    }
}

fn piece(segment: &Segment<'_>) -> Piece {
    Piece { from: segment.from.0, to: segment.to.0, must_show: must_show(segment) }
}

fn must_show(segment: &Segment<'_>) -> bool {
    match segment.kind {
        SegmentKind::Item { item, .. } => !is_signal(item),
        SegmentKind::Attempt { .. } | SegmentKind::Next(_) => true,
        SegmentKind::Wait { .. } => segment.duration() >= MIN_VISIBLE_WAIT,
        SegmentKind::Queue { .. } => false,
    }
}

/// Leaves out the oldest attempts and items if there are too few columns. Returns their number per lane.
fn leave_out(histories: &mut [LaneHistory<'_>], columns: u16) -> Vec<u64> {
    let mut all: Vec<_> = histories.iter().flat_map(|history| history.segments.iter().copied()).collect();
    all.sort_by_key(|segment| segment.from);
    let mut needed = all.iter().filter(|segment| must_show(segment)).count();
    let mut left_out: usize = 0;
    // Begin with an attempt, not with the wait after one that is left out.
    while let Some(segment) = all.get(left_out)
        && (needed > usize::from(columns) || left_out > 0 && !is_attempt(segment))
    {
        needed = needed.saturating_sub(usize::from(must_show(segment)));
        left_out += 1;
    }
    let begin =
        if left_out == 0 { UnixMillis(0) } else { all.get(left_out).map_or(UnixMillis(u64::MAX), |at| at.from) };
    let left_out = |history: &mut LaneHistory<'_>| {
        let before = history.segments.iter().filter(|segment| segment.from < begin && is_attempt(segment)).count();
        history.segments.retain(|segment| segment.from >= begin);
        std::mem::take(&mut history.forgotten).saturating_add(before as u64)
    };
    histories.iter_mut().map(left_out).collect()
}

const fn is_signal(item: &Item) -> bool {
    matches!(item.kind, ItemKind::Signal { .. })
}

const fn is_attempt(segment: &Segment<'_>) -> bool {
    matches!(segment.kind, SegmentKind::Attempt { .. } | SegmentKind::Item { .. })
}

fn picture<'a>(
    execution: &Execution,
    history: LaneHistory<'a>,
    earlier: u64,
    axis: &Axis,
    now: UnixMillis,
) -> Picture<'a> {
    let column = |time: UnixMillis| axis.column(time.0);
    let spans = history.segments.into_iter().map(|segment| {
        let (from, to) = (column(segment.from), column(segment.to));
        let passed = column(now.clamp(segment.from, segment.to));
        let compressed = axis.compresses(segment.from.0, segment.to.0);
        match segment.kind {
            // A mark in the column of its time, which other signals may share.
            SegmentKind::Item { item, .. } if is_signal(item) => {
                Span { from, to: from.saturating_add(1), passed: from.saturating_add(1), compressed: false, segment }
            }
            _ => Span { from, to, passed, compressed, segment },
        }
    });
    let role = history.lane.activity().and_then(|activity| execution.role(activity));
    let window = role.and_then(|role| execution.crash_window(role));
    let window = window.map(|(commit, answer)| {
        let (from, end) = (column(commit), answer.unwrap_or(now));
        let open = answer.is_none() && !execution.is_over();
        Window { from, to: column(end).max(from), open }
    });
    let spans: Vec<_> = spans.filter(is_worth_columns).collect();
    let late = spans.iter().filter_map(|span| match span.segment.kind {
        SegmentKind::Attempt { seen, late: Some(late), .. } => {
            Some((axis.column(span.segment.from.saturating_add(late).0), seen))
        }
        _ => None,
    });
    let late = late.collect();
    Picture { lane: history.lane, earlier, window: window.filter(|_| !spans.is_empty()), late, spans }
}

/// A short gap may touch a column by chance.
fn is_worth_columns(span: &Span<'_>) -> bool {
    let is_mark = matches!(span.segment.kind, SegmentKind::Item { .. });
    span.to > span.from && (is_mark || must_show(&span.segment) || span.segment.duration() >= MIN_VISIBLE_WAIT)
}

/// Round times on the parts to scale, so far apart that their labels do not touch.
fn ticks(axis: &Axis, origin: u64, first: u16, end: u16) -> Vec<Tick> {
    let total: u64 = axis.to_scale().map(|(from, to)| to - from).fold(0, u64::saturating_add);
    let most = (axis.columns_to_scale() / COLUMNS_PER_TICK).max(1);
    let Some(step) = TICK_STEPS.into_iter().find(|step| total / step <= most) else { return Vec::new() };
    let mut ticks: Vec<Tick> = Vec::new();
    let mut free = first;
    // The beginning has a label even if its segment is compressed.
    if axis.column(origin) == first && axis.begins_at(origin) && first.saturating_add(2) <= end {
        ticks.push(Tick { column: first, label: label(0, step) });
        free = first.saturating_add(3);
    }
    for (from, to) in axis.to_scale() {
        for number in from.saturating_sub(origin).div_ceil(step)..=to.saturating_sub(origin) / step {
            let since = number.saturating_mul(step);
            let (column, label) = (axis.column(origin.saturating_add(since)), label(since, step));
            let after = column.saturating_add(u16::try_from(label.len()).unwrap_or(u16::MAX));
            if column >= free && after <= end {
                free = after.saturating_add(1);
                ticks.push(Tick { column, label });
            }
        }
    }
    ticks
}

fn label(millis: u64, step: u64) -> String {
    match (millis, step) {
        (0, _) => "0s".to_owned(),
        (_, 3_600_000..) => format!("{}h", millis / 3_600_000),
        (_, 60_000..) => format!("{}min", millis / 60_000),
        (_, 1_000..) => format!("{}s", millis / 1_000),
        (_, 100..) => format!("{}.{}s", millis / 1_000, millis / 100 % 10),
        _ => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    use crate::{
        app::{
            Description, Intent, Message,
            derive::history::SegmentKind,
            testing::fixture::{SUPPLIER, Scene, T0, UPDATE},
        },
        domain::{PendingActivity, PendingState},
        faults::{Action, Point},
        store::{CommitOutcome, Phase},
    };

    fn shown(scene: &Scene, columns: u16) -> Timeline<'_> {
        let order = scene.app.selected().unwrap();
        let activities = order.order_activities();
        timeline(order, activities, &RetryWaits::default(), scene.app.shown_now(), columns)
    }

    /// One letter per column: attempts, waits, the next attempt.
    fn drawn(picture: &Picture<'_>, columns: u16) -> String {
        let mut text = vec![' '; usize::from(columns)];
        for span in &picture.spans {
            let letter = match span.segment.kind {
                SegmentKind::Queue { .. } => 'q',
                SegmentKind::Attempt { .. } => 'A',
                SegmentKind::Wait { due: Some(_), .. } => 'w',
                SegmentKind::Wait { .. } => 'W',
                SegmentKind::Next(_) => 'o',
                SegmentKind::Item { .. } => 'i',
            };
            text[usize::from(span.from)..usize::from(span.to)].fill(letter);
        }
        text.into_iter().collect::<String>().trim_end().to_owned()
    }

    #[test]
    fn waits_are_to_scale_and_the_axis_reaches_to_the_next_attempt() {
        let scene = Scene::mid_retry();
        let shown = shown(&scene, 63);
        assert_eq!(drawn(&shown.pictures[0], 63), format!("A{}A{}o", "W".repeat(20), "w".repeat(40)));
        let wait = shown.pictures[0].spans[3];
        assert_eq!(wait.passed - wait.from, 6, "0.3 of 2 s have passed");
        let ticks: Vec<_> = shown.ticks.iter().map(|tick| (tick.column, tick.label.as_str())).collect();
        assert_eq!(ticks, [(0, "0s"), (10, "0.5s"), (20, "1.0s"), (31, "1.5s"), (41, "2.0s"), (51, "2.5s")]);
        let window = shown.pictures[0].window.unwrap();
        assert_eq!((window.from, window.to, window.open), (21, 28, true));
    }

    #[test]
    fn nothing_moves_while_a_wait_passes() {
        let mut scene = Scene::mid_retry();
        let columns = |scene: &Scene| {
            let shown = shown(scene, 100);
            shown.pictures[0].spans.iter().map(|span| (span.from, span.to)).collect::<Vec<_>>()
        };
        let before = columns(&scene);
        scene.wait(1_200);
        assert_eq!(columns(&scene), before);
    }

    #[test]
    fn a_hang_lasts_until_its_timeout_and_is_compressed_beside_waits() {
        let mut scene = begun();
        scene.started(UPDATE, 1);
        scene.failed(UPDATE, 1, Point::BeforeCommit);
        scene.wait(1_000);
        scene.started(UPDATE, 2);
        scene.phase(UPDATE, 2, Phase::Fault { point: Point::BeforeCommit, action: Action::Hang });
        scene.wait(3_000);
        let shown = shown(&scene, 80);
        let hang = shown.pictures[0].spans[2];
        assert_eq!(hang.segment.duration(), RetryWaits::default().start_to_close);
        assert!(hang.compressed && shown.gaps.len() == 1 && hang.from < shown.gaps[0] && shown.gaps[0] < hang.to);
        assert!(matches!(hang.segment.kind, SegmentKind::Attempt { open: true, timeout: Some(_), .. }));
        assert!(!shown.pictures[0].spans[1].compressed);
    }

    #[test]
    fn a_zombie_ends_at_its_timeout_and_its_real_end_is_marked() {
        let mut scene = begun();
        scene.started(UPDATE, 1);
        scene.phase(UPDATE, 1, Phase::Fault { point: Point::BeforeCommit, action: Action::Hang });
        scene.wait(11_000);
        scene.started(UPDATE, 2);
        scene.wait(500);
        scene.done(UPDATE, 1, CommitOutcome::Applied);
        let shown = shown(&scene, 80);
        let [zombie, wait, second] = shown.pictures[0].spans[..] else { panic!("{:?}", shown.pictures[0]) };
        assert!(
            matches!(zombie.segment.kind, SegmentKind::Attempt { late: Some(late), .. } if late.as_millis() == 11_512),
            "{zombie:?}"
        );
        assert_eq!([zombie.segment.duration(), wait.segment.duration()], ([10_000, 1_008].map(Duration::from_millis)));
        let (column, seen) = shown.pictures[0].late[0];
        assert!(seen.number == 1 && second.from <= column && column <= second.to);
    }

    #[test]
    fn the_oldest_attempts_are_left_out_and_counted() {
        let mut scene = begun();
        for attempt in 1..=70 {
            scene.started(UPDATE, attempt);
            scene.failed(UPDATE, attempt, Point::BeforeCommit);
            scene.wait(5_000);
        }
        for columns in [0, 1, 2, 19, 46, 71, 111, 300] {
            let shown = shown(&scene, columns);
            let picture = &shown.pictures[0];
            let attempts = picture.spans.iter().filter(|span| is_attempt(&span.segment)).count();
            assert_eq!(picture.earlier + attempts as u64, 70, "{columns}");
            assert!(columns < 300 || attempts == 64);
        }
    }

    fn begun() -> Scene {
        let mut scene = Scene::new();
        let commands = scene.press(Intent::SeedOrder);
        scene.begin(&commands[0], "0198f1a2-6b1f-7c3e");
        scene
    }

    /// What may come in about an attempt, in any order and at any time.
    fn happens(scene: &mut Scene, (at, supplier, attempt, what): (u64, bool, u32, u8)) {
        let activity = if supplier { SUPPLIER } else { UPDATE };
        scene.now = if at == 0 { u64::MAX - 9 } else { T0 + at };
        let fault = |action| Phase::Fault { point: Point::AfterCommit, action };
        match what {
            0..=3 => scene.started(activity, attempt),
            4..=6 => scene.failed(activity, attempt, Point::BeforeCommit),
            7 => scene.commit(activity, attempt, -1),
            8 => scene.done(activity, attempt, CommitOutcome::Applied),
            9 => scene.phase(activity, attempt, fault(Action::Hang)),
            10 => scene.phase(activity, attempt, fault(Action::Delay { duration: Duration::from_millis(at) })),
            11 => scene.crash(activity, attempt, Point::AfterCommit),
            _ => {
                let at = crate::domain::UnixMillis(scene.now);
                let pending = PendingActivity {
                    activity: activity.into(),
                    id: "1".into(),
                    attempt,
                    maximum: 0,
                    state: PendingState::Scheduled,
                    started: Some(at),
                    completed: None,
                    next: Some(at),
                    interval: Some(Duration::from_secs(1)),
                    failure: None,
                    worker: String::new(),
                };
                let answer =
                    Ok(Description { at, open: true, pending: vec![pending], failing: None, others: Vec::new() });
                let (workflow, run) = (scene.workflow.clone(), scene.run.clone());
                scene.tell(Message::Described { workflow, run, answer });
            }
        }
    }

    fn assert_sound(shown: &Timeline<'_>, columns: u16) {
        for picture in &shown.pictures {
            let mut end = shown.first;
            let mut last = None;
            for span in &picture.spans {
                assert!(end <= span.from && span.from < span.to && span.to <= columns, "{picture:?}");
                assert!(span.from <= span.passed && span.passed <= span.to, "{span:?}");
                assert!(last <= Some(span.segment.from) && span.segment.from < span.segment.to, "{picture:?}");
                (end, last) = (span.to, Some(span.segment.to));
            }
            let attempts = picture.spans.iter().filter(|span| is_attempt(&span.segment)).count();
            assert_eq!(attempts as u64 + picture.earlier, picture.lane.activity().unwrap().total());
            if let Some(window) = picture.window {
                assert!(window.from <= window.to && window.to <= columns, "{window:?}");
            }
        }
        let ends = shown.ticks.iter().map(|tick| tick.column + u16::try_from(tick.label.len()).unwrap());
        assert!(ends.clone().all(|end| end <= columns));
        assert!(ends.zip(shown.ticks.iter().skip(1)).all(|(end, next)| end < next.column), "{:?}", shown.ticks);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn any_facts_at_any_width_give_a_sound_picture(
            facts in prop::collection::vec((0_u64..90_000, prop::bool::weighted(0.2), 1_u32..80, 0_u8..14), 0..90),
            later in 0_u64..30_000,
            columns in 0_u16..=300,
        ) {
            let mut scene = begun();
            for fact in facts {
                happens(&mut scene, fact);
            }
            scene.now = T0;
            scene.wait(later);
            assert_sound(&shown(&scene, columns), columns);
        }
    }
}
