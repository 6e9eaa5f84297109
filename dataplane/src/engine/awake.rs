//! May a worker sleep while another has frames?
//!
//! What one delivers is often answered by way of another, and to wake a processor that has halted takes
//! longer than all else of a round trip. So none goes to sleep until nobody has had a frame for a while; one
//! that sleeps is woken by its own frames alone.

use crate::clock::Time;
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How much newer a time must be to be noted: each note costs the others a cache miss.
const GRAIN: Duration = Duration::from_micros(5);

/// When some worker had a frame last, but for [`GRAIN`]. Nothing else hangs on it, so its order to other
/// memory does not matter.
#[derive(Debug)]
pub(super) struct Awake(CachePadded<AtomicU64>);

impl Awake {
    pub(super) fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(0)))
    }

    /// A worker had a frame.
    #[inline]
    pub(super) fn note(&self, now: Time) {
        if now - self.last() > GRAIN {
            self.0.store(now.nanos(), Relaxed);
        }
    }

    /// When somebody had one.
    #[inline]
    pub(super) fn last(&self) -> Time {
        Time::from_nanos(self.0.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_noted_if_it_is_newer_by_more_than_the_grain_and_never_goes_back() {
        let awake = Awake::new();
        let at = |micros: u64| Time::from_nanos(micros * 1000);
        for (now, last) in [(100, 100), (105, 100), (50, 100), (106, 106), (100, 106)] {
            awake.note(at(now));
            assert_eq!(awake.last(), at(last), "{now}");
        }
    }
}
