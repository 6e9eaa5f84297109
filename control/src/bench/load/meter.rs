//! Over which span is it measured?
//!
//! ```text
//!   start      opens                        closes   ends
//!     |-warm-up--|----------- span -----------|-tail--|
//! ```
//!
//! Traffic flows from the start to the end; the tail keeps one end from stopping while the other
//! still measures. The span's true length is taken from the clock when it is seen to open and to
//! close, so a loop that looks late measures a little longer, not wrong.

use super::{Job, LoadError, Tally};
use crate::bench::conditions::cpu;
use std::time::{Duration, Instant};

/// Longest tail.
const TAIL: Duration = Duration::from_millis(100);

/// A watch on one end's traffic.
pub(super) struct Meter {
    opens: Instant,
    span: Duration,
    tail: Duration,
    opened: Option<Reading>,
    closed: Option<Reading>,
}

/// Where things stood at one moment.
#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    count: u64,
    busy: f64,
}

impl Meter {
    /// Starts now.
    pub(super) fn start(job: &Job) -> Self {
        let opens = Instant::now() + job.warm_up;
        Self { opens, span: job.span, tail: TAIL, opened: None, closed: None }
    }

    /// Makes the tail `times` as long.
    pub(super) fn with_tail(mut self, times: u32) -> Self {
        self.tail = TAIL * times;
        self
    }

    /// Notes how much there has been by now; false when the traffic is to end.
    pub(super) fn watch(&mut self, now: Instant, count: u64) -> Result<bool, LoadError> {
        let Some(opened) = self.opened else {
            if now >= self.opens {
                self.opened = Some(reading(now, count)?);
            }
            return Ok(true);
        };
        let age = now - opened.at;
        if self.closed.is_none() && age >= self.span {
            self.closed = Some(reading(now, count)?);
        }
        Ok(age < self.span + self.tail)
    }

    /// Whether the moment lies in the span, as far as it has been seen.
    pub(super) fn is_open(&self) -> bool {
        self.opened.is_some() && self.closed.is_none()
    }

    /// Whether the span is over.
    pub(super) fn is_over(&self) -> bool {
        self.closed.is_some()
    }

    /// What was measured; `total` is what was sent or received from the start to the end.
    pub(super) fn tally(&self, total: u64) -> Result<Tally, LoadError> {
        let (Some(opened), Some(closed)) = (self.opened, self.closed) else {
            return Err(LoadError::NoSpan);
        };
        Ok(Tally {
            count: closed.count - opened.count,
            seconds: (closed.at - opened.at).as_secs_f64(),
            cpu_seconds: closed.busy - opened.busy,
            total,
            latency: None,
        })
    }
}

fn reading(at: Instant, count: u64) -> Result<Reading, LoadError> {
    let busy = cpu::busy_seconds().map_err(LoadError::traffic("read /proc/stat"))?;
    Ok(Reading { at, count, busy })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::{Role, Task};

    fn meter() -> Meter {
        Meter::start(&Job {
            role: Role::Server,
            task: Task::RoundTrips,
            server: "10.0.0.1:0".parse().unwrap(),
            addresses: 1,
            warm_up: Duration::from_secs(1),
            span: Duration::from_secs(2),
            congestion: "cubic".into(),
        })
    }

    #[test]
    fn only_what_comes_in_the_span_is_counted() {
        let mut meter = meter();
        let opens = meter.opens;
        let at = |millis| opens + Duration::from_millis(millis);
        assert!(meter.watch(opens - Duration::from_millis(1), 10).unwrap());
        assert!(!meter.is_open());
        assert!(meter.watch(at(500), 100).unwrap());
        assert!(meter.is_open());
        assert!(meter.watch(at(2499), 900).unwrap());
        assert!(meter.watch(at(2501), 1100).unwrap());
        assert!(meter.is_over());
        assert!(!meter.watch(at(2700), 1200).unwrap());
        let tally = meter.tally(1200).unwrap();
        assert_eq!((tally.count, tally.total), (1000, 1200));
        assert!((tally.seconds - 2.001).abs() < 1e-9);
    }

    #[test]
    fn a_span_not_seen_to_close_is_no_measurement() {
        let mut meter = meter();
        let opens = meter.opens;
        assert!(meter.watch(opens, 1).unwrap());
        assert!(matches!(meter.tally(1), Err(LoadError::NoSpan)));
    }
}
