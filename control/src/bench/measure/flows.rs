//! How fast can a NAT begin connections, how fast forget them, and how many can it hold?
//!
//! As RFC 9693 has it (sections 4.4 to 4.7), with one datagram for a connection. The rate at which none is
//! lost is searched by halving, each trial with connections that the NAT does not know:
//! after each its tracker is emptied, and the time that takes is the tear-down rate. For the capacity more
//! connections than fit are begun at a moderate rate, and then it is asked how many it holds.

use super::pair::{Pair, Seen};
use super::sample::Trial;
use super::search::{Open, STEPS};
use super::{MeasureError, Timing};
use crate::bench::load::Task;
use crate::bench::stats::Summary;
use crate::bench::system::path::Path;
use crate::bench::system::tracker::Tracker;
use std::time::Instant;

/// Most connections of a trial: well below what any tracker here holds by default.
const MOST: f64 = 100_000.0;
/// The fewest, for a rate that means something.
const FEWEST: f64 = 500.0;
/// Connections that are begun to fill a tracker: more than the 262,144 that both hold by default, and
/// than our external ports give room for.
const FILLING: u64 = 330_000;
/// At which rate they are begun, by the second: all of them before the first is forgotten (30 s).
const FILLING_RATE: f64 = 40_000.0;
/// About how many usual measurements filling takes.
pub(super) const FILLING_STEPS: usize = 5;

/// What the search came to.
pub(super) struct Rates {
    /// What was seen in the best trial that was passed; none where all of them lost something.
    pub(super) passed: Option<Seen>,
    /// All trials.
    pub(super) trials: Vec<Trial>,
    /// The median of the rates of deletion, by the second.
    pub(super) torn_down: Option<f64>,
}

/// Searches the rates on this path.
pub(super) fn rates(path: &Path, tracker: &Tracker, timing: Timing) -> Result<Rates, MeasureError> {
    let (mut trials, mut deletions) = (Vec::new(), Vec::new());
    let mut attempt = |rate: Option<f64>| -> Result<Seen, MeasureError> {
        let fitting = rate.map_or(MOST, |rate| rate * timing.span.as_secs_f64());
        let count = fitting.clamp(FEWEST, MOST) as u64;
        let seen = begin(path, count, rate, timing)?;
        trials.push(Trial { rate, sent: seen.client.total, received: seen.server.total });
        let held = tracker.count()?;
        let began = Instant::now();
        tracker.flush()?;
        if held > 0 {
            deletions.push(held as f64 / began.elapsed().as_secs_f64());
        }
        Ok(seen)
    };
    let blast = attempt(None)?;
    let lossless = |seen: &Seen| seen.client.total == seen.server.total;
    let mut open = Open::below(blast.client.count as f64 / blast.client.seconds.max(1e-3));
    let mut passed = lossless(&blast).then_some(blast);
    let steps = if passed.is_some() { 0 } else { STEPS };
    for _ in 0..steps {
        let seen = attempt(Some(open.middle()))?;
        open.narrow(lossless(&seen));
        if lossless(&seen) && passed.as_ref().is_none_or(|best| seen.rate() > best.rate()) {
            passed = Some(seen);
        }
    }
    let torn_down = Summary::of(deletions).map(|it| it.median);
    Ok(Rates { passed, trials, torn_down })
}

/// Fills the tracker of this path; gives how many connections it holds then, as if they had been received.
pub(super) fn capacity(
    path: &Path,
    tracker: &Tracker,
    timing: Timing,
) -> Result<Seen, MeasureError> {
    let mut seen = begin(path, FILLING, Some(FILLING_RATE), timing)?;
    seen.server.count = tracker.count()?;
    tracker.flush()?;
    Ok(seen)
}

fn begin(path: &Path, count: u64, rate: Option<f64>, timing: Timing) -> Result<Seen, MeasureError> {
    let task = Task::Flows { count, first: 0, rate };
    let mut pair = Pair::connect(path, task, timing)?;
    pair.go()?;
    Ok(pair.finish()?)
}
