//! May this port flood another frame now? Storm control.
//!
//! Two token buckets per port, one for frames and one for bytes, kept as the time at which each
//! would be full again (GCRA, ITU-T I.371): no refill step, and nothing to do while nothing is flooded.
//! A bucket that is full accepts any one frame, however large; so a limit below one super-frame
//! still passes one at a time.

use crate::clock::Time;
use crate::config::StormLimit;
use crate::outcome::DropReason;
use std::time::Duration;

/// How much of a second's worth may come at once.
const BURST: Duration = Duration::from_millis(100);

/// The buckets of one port.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    limit: StormLimit,
    frames_full_at: Time,
    bytes_full_at: Time,
}

impl Storm {
    /// Full buckets.
    pub fn new(limit: StormLimit) -> Self {
        Self { limit, frames_full_at: Time::START, bytes_full_at: Time::START }
    }

    /// Takes one frame and `bytes` bytes out of the buckets, or nothing if either lacks them.
    ///
    /// # Errors
    /// `StormFrames` or `StormBytes`.
    pub fn take(&mut self, bytes: u64, now: Time) -> Result<(), DropReason> {
        let frames_full_at = spend(self.frames_full_at, 1, self.limit.frames_per_second, now)
            .ok_or(DropReason::StormFrames)?;
        let bytes_full_at = spend(self.bytes_full_at, bytes, self.limit.bytes_per_second, now)
            .ok_or(DropReason::StormBytes)?;
        (self.frames_full_at, self.bytes_full_at) = (frames_full_at, bytes_full_at);
        Ok(())
    }
}

/// When the bucket will be full again after `amount` is taken, or `None` if it holds less.
fn spend(full_at: Time, amount: u64, per_second: u64, now: Time) -> Option<Time> {
    // The largest amount is a frame of 64 KiB to 1,023 ports: times 10^9 it fits 64 bits.
    let cost = Duration::from_nanos(amount.saturating_mul(1_000_000_000) / per_second);
    let missing = full_at - now;
    let fits = missing.is_zero() || missing + cost <= BURST;
    fits.then(|| full_at.max(now) + cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    fn storm(frames_per_second: u64, bytes_per_second: u64) -> Storm {
        Storm::new(StormLimit { frames_per_second, bytes_per_second })
    }

    #[test]
    fn a_tenth_of_a_second_may_come_at_once() {
        let mut storm = storm(100, 1_000_000);
        let taken = (0..20).filter(|_| storm.take(60, at(0)).is_ok()).count();
        assert_eq!(taken, 10);
        assert_eq!(storm.take(60, at(0)), Err(DropReason::StormFrames));
    }

    #[test]
    fn the_rate_holds_over_a_minute() {
        let mut storm = storm(100, 1_000_000);
        let taken = (0..60_000).filter(|&ms| storm.take(60, at(ms)).is_ok()).count();
        assert!((6000..=6010).contains(&taken), "{taken}");
    }

    #[test]
    fn a_full_bucket_takes_a_frame_larger_than_itself() {
        let mut storm = storm(1000, 1000);
        assert_eq!(storm.take(60_000, at(0)), Ok(()));
        assert_eq!(storm.take(1, at(59_000)), Err(DropReason::StormBytes));
        assert_eq!(storm.take(1, at(60_000)), Ok(()));
    }

    #[test]
    fn a_refused_frame_costs_nothing() {
        let mut storm = storm(10, 1000);
        assert_eq!(storm.take(1000, at(0)), Ok(()));
        for _ in 0..100 {
            assert_eq!(storm.take(1000, at(1)), Err(DropReason::StormFrames));
        }
        assert_eq!(storm.take(1000, at(1000)), Ok(()));
    }
}
