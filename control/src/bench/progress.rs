//! What is seen while it runs?
//!
//! How long it will take, told once, and on a terminal a line that is rewritten for each measurement with
//! what is left of that. The time left follows how long the measurements have taken so far.

use super::system::System;
use super::workload::Workload;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Back to the start of the line and clear it.
const CLEAR: &str = "\r\x1b[K";
/// Of how many measurements the time left is taken from those instead of from the plan.
const ENOUGH: usize = 10;

/// The progress line, on standard error.
pub(super) struct Progress {
    shown: bool,
    began: Instant,
    planned: Duration,
    done: usize,
    all: usize,
}

impl Progress {
    /// A line for so many measurements, which will take so long.
    pub(super) fn new(measurements: usize, seconds: f64) -> Self {
        let shown = io::stderr().is_terminal();
        let planned = Duration::from_secs_f64(seconds);
        // Nobody who reads it is no reason not to measure.
        let _ = writeln!(io::stderr(), "{measurements} measurements, about {}", words(planned));
        Self { shown, began: Instant::now(), planned, done: 0, all: measurements.max(1) }
    }

    /// Says which system is started now.
    pub(super) fn starts(&mut self, system: System) {
        self.show(&format!("starting {system}"));
    }

    /// Says what is measured now, which is `steps` measurements.
    pub(super) fn next(
        &mut self,
        round: u32,
        rounds: u32,
        workload: Workload,
        system: System,
        steps: usize,
    ) {
        self.show(&format!("round {round} of {rounds}: {workload} on {system}"));
        self.done += steps;
    }

    fn show(&self, what: &str) {
        if !self.shown {
            return;
        }
        let percent = (self.done * 100 / self.all).min(100);
        let left = words(self.left(self.began.elapsed()));
        // A terminal that is gone is no reason to stop measuring.
        let _ = write!(io::stderr(), "{CLEAR}{percent:3} %, {left} left  {what}");
    }

    fn left(&self, elapsed: Duration) -> Duration {
        if self.done < ENOUGH {
            return self.planned.saturating_sub(elapsed);
        }
        let each = elapsed.as_secs_f64() / self.done as f64;
        Duration::from_secs_f64(each * self.all.saturating_sub(self.done) as f64)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "{CLEAR}");
        }
    }
}

/// A duration as one says it.
fn words(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: usize) -> Progress {
        let planned = Duration::from_secs(100);
        Progress { shown: false, began: Instant::now(), planned, done, all: 100 }
    }

    #[test]
    fn the_time_left_is_the_plans_at_first_and_then_what_it_takes() {
        let left = |done, elapsed| progress(done).left(Duration::from_secs(elapsed));
        assert_eq!(left(0, 10), Duration::from_secs(90));
        assert_eq!(left(50, 200), Duration::from_secs(200));
        assert_eq!(left(100, 200), Duration::ZERO);
    }

    #[test]
    fn durations_are_told_in_seconds_and_then_in_minutes() {
        let told = [0, 119, 120, 1710].map(|it| words(Duration::from_secs(it)));
        assert_eq!(told, ["0 s", "119 s", "2 min", "29 min"]);
    }
}
