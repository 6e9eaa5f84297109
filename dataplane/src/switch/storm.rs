//! May this port flood another frame now? Storm control.
//!
//! Two token [`Bucket`]s per port, one for frames and one for bytes. A bucket that is full accepts any
//! one frame, however large; so a limit below one super-frame still passes one at a time.

use crate::bucket::Bucket;
use crate::clock::Time;
use crate::config::StormLimit;
use crate::outcome::DropReason;
use std::time::Duration;

/// How much of a second's worth may come at once.
const BURST: Duration = Duration::from_millis(100);

/// The buckets of one port.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    frames: Bucket,
    bytes: Bucket,
}

impl Storm {
    /// Full buckets.
    pub fn new(limit: StormLimit) -> Self {
        Self {
            frames: Bucket::new(limit.frames_per_second, BURST),
            bytes: Bucket::new(limit.bytes_per_second, BURST),
        }
    }

    /// The same buckets at other rates: as full as before, see [`Bucket::retuned`].
    #[must_use]
    pub fn retuned(&self, limit: StormLimit, now: Time) -> Self {
        Self {
            frames: self.frames.retuned(limit.frames_per_second, now),
            bytes: self.bytes.retuned(limit.bytes_per_second, now),
        }
    }

    /// Takes one frame and `bytes` bytes out of the buckets, or nothing if either lacks them.
    ///
    /// # Errors
    /// `StormFrames` or `StormBytes`.
    pub fn take(&mut self, bytes: u64, now: Time) -> Result<(), DropReason> {
        let frames = self.frames.spend(1, now).ok_or(DropReason::StormFrames)?;
        // The largest amount is a frame of 64 KiB to 1,023 ports: times 10^9 it fits 64 bits.
        let bytes = self.bytes.spend(bytes, now).ok_or(DropReason::StormBytes)?;
        *self = Self { frames, bytes };
        Ok(())
    }
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
    fn other_limits_give_no_burst_to_who_has_had_one() {
        let mut storm = storm(100, 1_000_000);
        assert_eq!((0..20).filter(|_| storm.take(60, at(0)).is_ok()).count(), 10);
        let limit = StormLimit { frames_per_second: 1000, bytes_per_second: 1_000_000 };
        for _ in 0..50 {
            storm = storm.retuned(limit, at(0));
            assert_eq!(storm.take(60, at(0)), Err(DropReason::StormFrames));
        }
        assert_eq!(storm.take(60, at(1)), Ok(()));
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
