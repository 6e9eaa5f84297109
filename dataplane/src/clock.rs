//! What time is it, as the dataplane counts it?
//!
//! [`Time`] is nanoseconds since the engine started. Everything below the engine takes it as an
//! argument; [`Clock`] is read by the engine alone, once per pass over the ports and after each wait.
//! [`WallClock`] is the time of the day, for frames that are captured.

use std::ops::{Add, Sub};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment: nanoseconds since the clock's start. They last 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// The clock's start.
    pub const START: Self = Self(0);

    /// The moment this many nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    #[inline]
    pub const fn nanos(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// A later moment; saturates after 584 years.
    #[inline]
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Time {
    type Output = Duration;

    /// The time between two moments; zero if the second is the later one.
    #[inline]
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// What the day's clock says, but never less than it said before. Read by the engine alone, and only for
/// frames that are captured.
#[derive(Debug, Default)]
pub struct WallClock {
    last: u64,
}

impl WallClock {
    /// Nanoseconds since 1970.
    pub fn now(&mut self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.advance(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Somebody may set the day's clock back.
    fn advance(&mut self, nanos: u64) -> u64 {
        self.last = self.last.max(nanos);
        self.last
    }
}

/// The engine's clock, monotonic; all of its threads have the same.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time now.
    #[inline]
    pub fn now(&self) -> Time {
        Time::START + self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_is_set_back_stands_still() {
        let mut clock = WallClock::default();
        let read = [5, 7, 3, 7, 8].map(|nanos| clock.advance(nanos));
        assert_eq!(read, [5, 7, 7, 7, 8]);
    }
}
