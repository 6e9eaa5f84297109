//! At which rate is nothing lost?
//!
//! As RFC 2544 section 26.1 has it, by halving: first as much as can be sent, to learn what can be
//! delivered at most; then [`STEPS`] trials between nothing and a little more than that, each at the
//! middle of what is still open. A trial is passed if as many arrived as were sent. The RFC asks for
//! trials of 60 s and allows shorter ones to find the rate; here all of them take as long as any
//! measurement does, so that one lost datagram of a busy machine fails a trial, not the whole search:
//! the last rate that was passed is the result.

use super::Timing;
use super::pair::{Pair, Seen};
use super::sample::Trial;
use crate::bench::load::Task;
use crate::bench::system::path::Path;
use crate::bench::worker::WorkerError;

/// Trials after the first: the result is as exact as a 64th of what can be delivered.
pub(in crate::bench) const STEPS: u32 = 6;
/// How far above what was delivered the search begins.
const HEADROOM: f64 = 1.1;

/// What the search came to.
pub(super) struct Found {
    /// What was seen in the last trial that was passed; none where all of them lost something.
    pub(super) passed: Option<Seen>,
    /// All trials.
    pub(super) trials: Vec<Trial>,
}

/// Searches on this path with datagrams of this size.
pub(super) fn search(path: &Path, payload: usize, timing: Timing) -> Result<Found, WorkerError> {
    let mut trials = Vec::new();
    let mut attempt = |rate| -> Result<(Seen, bool), WorkerError> {
        let mut pair = Pair::connect(path, Task::Datagrams { payload, segments: 1, rate }, timing)?;
        pair.go()?;
        let seen = pair.finish()?;
        let (sent, received) = (seen.client.total, seen.server.total);
        trials.push(Trial { rate, sent, received });
        Ok((seen, sent > 0 && received == sent))
    };
    let (blast, _) = attempt(None)?;
    let mut open = Open::below(blast.server.count as f64 / blast.server.seconds * HEADROOM);
    let mut passed = None;
    for _ in 0..STEPS {
        let (seen, lossless) = attempt(Some(open.middle()))?;
        open.narrow(lossless);
        if lossless {
            passed = Some(seen);
        }
    }
    Ok(Found { passed, trials })
}

/// The rates that the result may still have.
struct Open {
    low: f64,
    high: f64,
}

impl Open {
    fn below(high: f64) -> Self {
        Self { low: 0.0, high }
    }

    fn middle(&self) -> f64 {
        f64::midpoint(self.low, self.high)
    }

    fn narrow(&mut self, lossless: bool) {
        let middle = self.middle();
        if lossless { self.low = middle } else { self.high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_comes_close_to_the_rate_from_below() {
        let mut open = Open::below(1000.0);
        for _ in 0..STEPS {
            let lossless = open.middle() <= 700.0;
            open.narrow(lossless);
        }
        assert!(open.low <= 700.0 && open.low > 700.0 - 1000.0 / 64.0, "{}", open.low);
    }
}
