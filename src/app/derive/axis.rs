//! An axis of time over a row of columns: piecewise linear and monotone. Times keep their proportions, except that pieces that
//! must be visible get at least one column, and long pieces are compressed.

/// A time span that the axis must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its start, in milliseconds.
    pub from: u64,
    /// Its end, in milliseconds.
    pub to: u64,
    /// It gets at least one column.
    pub must_show: bool,
}

/// The time between two ends of pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AxisSegment {
    from: u64,
    to: u64,
    must_show: bool,
    compressed: bool,
    /// First column.
    start: u16,
    end: u16,
}

/// An axis of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Axis {
    segments: Vec<AxisSegment>,
}

/// Parts of a column, so that integers suffice.
const PARTS_PER_COLUMN: u128 = 1_024;

/// Columns of a compressed segment that has a mark.
const MIN_MARKED_COLUMNS: u16 = 5;

/// The longest segment is drawn at most this many times as long as the shortest.
const MAX_RATIO: u64 = 5;

impl Axis {
    /// An axis over the columns `first..end`. If more pieces must show than there are columns, the last ones share a column.
    ///
    /// `short` and `plain` are in milliseconds. A piece up to `plain` is never compressed. A longer piece is compressed if it
    /// exceeds [`MAX_RATIO`] times the shortest piece that lasts at least `short`.
    #[must_use]
    pub fn new(pieces: &[Piece], first: u16, end: u16, short: u64, plain: u64) -> Self {
        let mut knots: Vec<_> = pieces.iter().flat_map(|piece| [piece.from, piece.to]).collect();
        knots.sort_unstable();
        knots.dedup();
        let must: Vec<_> = pieces.iter().filter(|piece| piece.must_show).map(|piece| piece.from).collect();
        let mut segments: Vec<_> = knots
            .windows(2)
            .filter_map(|pair| {
                let [from, to] = *<&[u64; 2]>::try_from(pair).ok()?;
                let must_show = must.contains(&from);
                Some(AxisSegment { from, to, must_show, compressed: false, start: first, end: first })
            })
            .collect();
        let longest = longest(&segments, short, plain);
        for segment in &mut segments {
            segment.compressed = segment.to - segment.from > longest;
        }
        place(&mut segments, longest, first, end);
        Self { segments }
    }

    /// The column of a time; its left edge.
    #[must_use]
    pub fn column(&self, time: u64) -> u16 {
        let index = self.segments.partition_point(|segment| segment.to <= time);
        match self.segments.get(index) {
            None => self.segments.last().map_or(0, |segment| segment.end),
            Some(segment) => {
                let part = u128::from(time.saturating_sub(segment.from)) * u128::from(segment.end - segment.start);
                let part = part / u128::from(segment.to - segment.from).max(1);
                segment.start.saturating_add(u16::try_from(part).unwrap_or(u16::MAX)).min(segment.end)
            }
        }
    }

    /// Whether the axis begins at a time.
    #[must_use]
    pub fn begins_at(&self, time: u64) -> bool {
        self.segments.first().is_some_and(|segment| segment.from == time)
    }

    /// Whether a part of this time span is compressed.
    #[must_use]
    pub fn compresses(&self, from: u64, to: u64) -> bool {
        self.segments.iter().any(|segment| segment.compressed && segment.from < to && from < segment.to)
    }

    /// One column in each compressed segment that is wide enough for a mark.
    pub fn gaps(&self) -> impl Iterator<Item = u16> {
        let gaps = self
            .segments
            .iter()
            .filter(|segment| segment.compressed && segment.end - segment.start >= MIN_MARKED_COLUMNS);
        gaps.map(|segment| segment.start + 1 + (segment.end - segment.start) / 8)
    }

    /// The time spans that are drawn to scale.
    pub fn to_scale(&self) -> impl Iterator<Item = (u64, u64)> {
        self.segments.iter().filter(|segment| !segment.compressed).map(|segment| (segment.from, segment.to))
    }

    /// Number of columns of those spans.
    #[must_use]
    pub fn columns_to_scale(&self) -> u64 {
        let plain = self.segments.iter().filter(|segment| !segment.compressed);
        plain.map(|segment| u64::from(segment.end - segment.start)).sum()
    }
}

/// Milliseconds above which a segment is compressed.
fn longest(segments: &[AxisSegment], short: u64, plain: u64) -> u64 {
    let lengths = segments.iter().map(|segment| segment.to - segment.from);
    let shortest = lengths.filter(|millis| *millis >= short.max(1)).min().unwrap_or(u64::MAX);
    shortest.saturating_mul(MAX_RATIO).max(plain).max(1)
}

fn place(segments: &mut [AxisSegment], longest: u64, first: u16, end: u16) {
    let weights: Vec<_> = segments.iter().map(|segment| u128::from((segment.to - segment.from).min(longest))).collect();
    let must: Vec<_> = segments.iter().map(|segment| segment.must_show).collect();
    let room = u128::from(end.saturating_sub(first)) * PARTS_PER_COLUMN;
    let mut at = 0;
    for (segment, width) in segments.iter_mut().zip(widths(&weights, &must, room)) {
        let column =
            |parts: u128| first.saturating_add(u16::try_from(parts / PARTS_PER_COLUMN).unwrap_or(u16::MAX)).min(end);
        segment.start = column(at);
        at += width;
        segment.end = column(at);
    }
}

/// Distributes `room` parts by weight. Pieces that must show get at least a whole column, so they keep one when their edges
/// are rounded down.
fn widths(weights: &[u128], must: &[bool], room: u128) -> Vec<u128> {
    let mut fixed = vec![false; weights.len()];
    loop {
        let taken = fixed.iter().filter(|fixed| **fixed).count() as u128 * PARTS_PER_COLUMN;
        let free = room.saturating_sub(taken);
        let loose = weights.iter().zip(&fixed).filter(|(_, fixed)| !**fixed).map(|(weight, _)| weight);
        let total = loose.sum::<u128>().max(1);
        let share = |weight: u128| weight * free / total;
        let mut changed = false;
        for ((weight, must), fixed) in weights.iter().zip(must).zip(&mut fixed) {
            if *must && !*fixed && share(*weight) < PARTS_PER_COLUMN {
                *fixed = true;
                changed = true;
            }
        }
        if !changed {
            let widths = weights.iter().zip(&fixed);
            let mut widths: Vec<_> =
                widths.map(|(weight, fixed)| if *fixed { PARTS_PER_COLUMN } else { share(*weight) }).collect();
            // The remainder of the divisions, so that the picture reaches its edge.
            let rest = room.saturating_sub(widths.iter().sum());
            if let Some(widest) = widths.iter_mut().max() {
                *widest += rest;
            }
            return widths;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(lengths: &[u64], columns: u16) -> (Axis, Vec<u16>) {
        let mut at = 0;
        let mut pieces = Vec::new();
        for millis in lengths {
            pieces.push(Piece { from: at, to: at + millis, must_show: *millis < 100 });
            at += millis;
        }
        let axis = Axis::new(&pieces, 0, columns, 500, 5_000);
        let widths = pieces.iter().map(|piece| axis.column(piece.to) - axis.column(piece.from)).collect();
        (axis, widths)
    }

    #[test]
    fn waits_keep_their_proportions_and_attempts_a_column() {
        let (axis, widths) = axis(&[8, 1_000, 8, 2_000, 8, 4_000, 8], 74);
        assert_eq!(widths, [1, 10, 1, 20, 1, 40, 1]);
        assert_eq!(axis.gaps().count(), 0);
        assert_eq!(axis.column(1_000_000), 74);
    }

    #[test]
    fn disproportionate_waits_are_compressed_and_marked() {
        let (axis, widths) = axis(&[8, 1_000, 60_000, 8], 62);
        assert_eq!(widths, [1, 10, 50, 1]);
        assert_eq!(axis.gaps().collect::<Vec<_>>(), [18]);
        assert!(axis.compresses(2_000, 2_001) && !axis.compresses(0, 1_008));
    }

    #[test]
    fn a_single_long_wait_is_not_compressed() {
        let (axis, widths) = axis(&[8, 3_600_000, 8], 40);
        assert_eq!((widths, axis.gaps().count()), (vec![1, 38, 1], 0));
    }

    proptest::proptest! {
        #[test]
        fn time_never_runs_backwards(
            pieces in proptest::collection::vec((0_u64..200_000, 1_u64..60_000, proptest::bool::ANY), 0..40),
            first in 0_u16..20,
            room in 0_u16..280,
            mut times in proptest::collection::vec(0_u64..300_000, 2..60),
        ) {
            let pieces: Vec<_> = pieces
                .into_iter()
                .map(|(from, length, must_show)| Piece { from, to: from + length, must_show })
                .collect();
            let axis = Axis::new(&pieces, first, first + room, 500, 5_000);
            times.sort_unstable();
            let columns: Vec<_> = times.iter().map(|time| axis.column(*time)).collect();
            assert!(columns.is_sorted(), "{columns:?}");
            let ends = if pieces.is_empty() { 0..=0 } else { first..=first + room };
            assert!(columns.iter().all(|column| ends.contains(column)), "{columns:?}");
            assert!(axis.gaps().all(|gap| first <= gap && gap + 2 <= first + room));
            if pieces.len() <= usize::from(room) {
                let shown = |piece: &&Piece| piece.must_show && axis.column(piece.to) == axis.column(piece.from);
                assert_eq!(pieces.iter().find(shown), None);
            }
        }
    }
}
