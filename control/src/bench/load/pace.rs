//! How are datagrams sent at a rate?
//!
//! As many as are due by the clock, in bursts of what falls due within `TURN` at most: it sleeps while
//! nothing is due. A sender that was kept waiting catches up, but no more than a batch at a time.

use std::thread;
use std::time::{Duration, Instant};

/// How long one waits at least for the next burst: sleeping costs some 50 µs beside what is asked for.
const TURN: Duration = Duration::from_micros(100);

/// Who sends when.
pub(super) struct Pace {
    began: Instant,
    rate: Option<f64>,
    batch: usize,
}

impl Pace {
    /// Starts now; `rate` is by the second, none is without a pause. At most `batch` are due at a time.
    pub(super) fn start(rate: Option<f64>, batch: usize) -> Self {
        Self { began: Instant::now(), rate, batch }
    }

    /// How many are due after these were sent; waits a little if none is.
    pub(super) fn wait(&mut self, sent: u64) -> usize {
        let due = self.due(sent, self.began.elapsed());
        if due == 0 {
            thread::sleep(TURN);
        }
        due
    }

    fn due(&self, sent: u64, elapsed: Duration) -> usize {
        let Some(rate) = self.rate else { return self.batch };
        let due = (elapsed.as_secs_f64() * rate) as u64;
        usize::try_from(due.saturating_sub(sent)).map_or(self.batch, |due| due.min(self.batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_follows_the_clock_and_a_batch_bounds_it() {
        let pace = Pace::start(Some(1000.0), 64);
        assert_eq!(pace.due(0, Duration::from_millis(5)), 5);
        assert_eq!(pace.due(5, Duration::from_millis(5)), 0);
        assert_eq!(pace.due(0, Duration::from_secs(1)), 64);
        assert_eq!(pace.due(2000, Duration::from_secs(1)), 0);
    }

    #[test]
    fn without_a_rate_a_batch_is_always_due() {
        assert_eq!(Pace::start(None, 64).due(1 << 40, Duration::ZERO), 64);
    }
}
