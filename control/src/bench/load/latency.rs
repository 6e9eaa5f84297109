//! How long did each of many things take?

use super::{Latency, QUANTILES};
use crate::bench::stats::percentile;
use std::time::Duration;

/// Room is made beforehand for this many times a second: one in 2 µs.
const MOST_PER_SECOND: f64 = 500_000.0;

/// Times in nanoseconds, each of them kept.
pub(super) struct Times(Vec<u64>);

impl Times {
    /// An empty list whose memory is already there: no page fault falls into what is timed.
    pub(super) fn room(span: Duration) -> Self {
        let mut times = Vec::new();
        times.resize((span.as_secs_f64() * MOST_PER_SECOND) as usize, 1);
        times.clear();
        Self(times)
    }

    /// Notes one time; less than 500 years.
    pub(super) fn note(&mut self, time: Duration) {
        self.0.push(time.as_nanos() as u64);
    }

    /// Exact percentiles; `None` if nothing was timed.
    pub(super) fn latency(mut self) -> Option<Latency> {
        self.0.sort_unstable();
        let at = |per_mille| percentile(&self.0, per_mille).map(|nanos| nanos as f64 / 1000.0);
        Some(Latency {
            min: at(0)?,
            p50: at(500)?,
            p90: at(900)?,
            p99: at(990)?,
            p999: at(999)?,
            max: at(1000)?,
            quantiles: QUANTILES.map(|per_mille| at(per_mille).unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_in_microseconds() {
        let mut times = Times::room(Duration::from_millis(200));
        for micros in (1..=1000).rev() {
            times.note(Duration::from_micros(micros));
        }
        let latency = times.latency().unwrap();
        assert_eq!((latency.min, latency.p50, latency.max), (1.0, 500.0, 1000.0));
        assert_eq!((latency.p90, latency.p99, latency.p999), (900.0, 990.0, 999.0));
        assert_eq!(latency.quantiles[..3], [10.0, 50.0, 100.0]);
    }

    #[test]
    fn where_nothing_was_timed_there_is_no_latency() {
        assert_eq!(Times::room(Duration::from_millis(200)).latency(), None);
    }
}
