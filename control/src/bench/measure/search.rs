//! At which rate is nothing lost?
//!
//! As RFC 2544 section 26.1 has it, by halving: first as much as can be sent, to learn how much that is
//! (what arrives then is no bound: many deliver less when they are overrun); then `STEPS` trials, each
//! at the middle of what is still open. A trial is passed if as many arrived as were sent. The RFC asks for
//! trials of 60 s and allows shorter ones to find the rate; here all of them take as long as any
//! measurement does, so that one lost datagram of a busy machine fails a trial, not the whole search:
//! the best that was passed is the result, and it is what was really sent, not what was asked for.

use super::Timing;
use super::pair::{Pair, Seen};
use super::sample::Trial;
use crate::bench::load::Task;
use crate::bench::system::path::Path;
use crate::bench::worker::WorkerError;
use std::time::Duration;

/// Trials after the first: the result is as exact as a 256th of what can be sent.
pub(in crate::bench) const STEPS: u32 = 8;

/// What the search came to.
pub(super) struct Found {
    /// What was seen in the best trial that was passed; none where all of them lost something.
    pub(super) passed: Option<Seen>,
    /// All trials.
    pub(super) trials: Vec<Trial>,
}

/// Searches on this path with datagrams of this size.
pub(super) fn search(path: &Path, payload: usize, timing: Timing) -> Result<Found, WorkerError> {
    // Everything from the first datagram on has to arrive, so nothing is warmed up.
    let timing = Timing { warm_up: Duration::ZERO, ..timing };
    let mut trials = Vec::new();
    let mut attempt = |rate| -> Result<(Seen, bool), WorkerError> {
        let mut pair = Pair::connect(path, Task::Datagrams { payload, segments: 1, rate }, timing)?;
        pair.go()?;
        let seen = pair.finish()?;
        let (sent, received) = (seen.client.total, seen.server.total);
        trials.push(Trial { rate, sent, received });
        Ok((seen, sent > 0 && received == sent))
    };
    let (blast, lossless) = attempt(None)?;
    let mut open = Open::below(blast.client.count as f64 / blast.client.seconds);
    let mut passed = lossless.then_some(blast);
    let steps = if passed.is_some() { 0 } else { STEPS };
    for _ in 0..steps {
        let (seen, lossless) = attempt(Some(open.middle()))?;
        open.narrow(lossless);
        if lossless && passed.as_ref().is_none_or(|best| seen.rate() > best.rate()) {
            passed = Some(seen);
        }
    }
    Ok(Found { passed, trials })
}

/// The rates that the result may still have.
pub(super) struct Open {
    low: f64,
    high: f64,
}

impl Open {
    pub(super) fn below(high: f64) -> Self {
        Self { low: 0.0, high }
    }

    pub(super) fn middle(&self) -> f64 {
        f64::midpoint(self.low, self.high)
    }

    pub(super) fn narrow(&mut self, lossless: bool) {
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
        assert!(open.low <= 700.0 && open.low > 700.0 - 1000.0 / 256.0, "{}", open.low);
    }
}
