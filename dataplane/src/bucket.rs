//! May another one come now? A token bucket.
//!
//! Kept as the time at which it would be full again (GCRA, ITU-T I.371): no refill step, and nothing
//! to do while nothing comes. A bucket that is full accepts any one amount, however large.

use crate::clock::Time;
use std::time::Duration;

/// A bucket that holds `burst`'s worth of a rate.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    per_second: u64,
    burst: Duration,
    full_at: Time,
}

impl Bucket {
    /// A full bucket; `per_second` is at least 1.
    pub const fn new(per_second: u64, burst: Duration) -> Self {
        Self { per_second, burst, full_at: Time::START }
    }

    /// Would it give `amount` now? The bucket after that, to be put in its place.
    #[inline]
    #[must_use]
    pub fn spend(&self, amount: u64, now: Time) -> Option<Self> {
        let cost = Duration::from_nanos(amount.saturating_mul(1_000_000_000) / self.per_second);
        let missing = self.full_at - now;
        let fits = missing.is_zero() || missing + cost <= self.burst;
        fits.then(|| Self { full_at: self.full_at.max(now) + cost, ..*self })
    }

    /// Takes `amount`, or nothing and says false.
    pub fn take(&mut self, amount: u64, now: Time) -> bool {
        let after = self.spend(amount, now);
        if let Some(after) = after {
            *self = after;
        }
        after.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_gives_a_burst_and_then_as_much_as_the_rate() {
        let mut bucket = Bucket::new(1000, Duration::from_millis(50));
        let mut now = Time::START;
        let given = (0..100).filter(|_| bucket.take(1, now)).count();
        assert_eq!(given, 50);
        now = now + Duration::from_micros(999);
        assert!(!bucket.take(1, now));
        now = now + Duration::from_micros(1);
        assert!(bucket.take(1, now) && !bucket.take(1, now));
        now = now + Duration::from_secs(3600);
        assert_eq!((0..100).filter(|_| bucket.take(1, now)).count(), 50, "it never overflows");
    }

    #[test]
    fn a_full_one_gives_any_one_amount() {
        let mut bucket = Bucket::new(1, Duration::from_millis(1));
        assert!(bucket.take(u64::MAX, Time::START));
        assert!(!bucket.take(1, Time::START + Duration::from_secs(1)));
        assert!(Bucket::new(1, Duration::ZERO).spend(2, Time::START).is_some());
    }

    proptest! {
        #[test]
        fn no_span_gives_more_than_its_burst_and_rate(
            asks in proptest::collection::vec((0u64..30, 1u64..20), 1..200),
        ) {
            let (rate, burst) = (1000, Duration::from_millis(40));
            let mut bucket = Bucket::new(rate, burst);
            let (mut now, mut given) = (Time::START, 0);
            for (millis, amount) in asks {
                now = now + Duration::from_millis(millis);
                given += if bucket.take(amount, now) { amount } else { 0 };
                let most = now.nanos() / 1_000_000 + 40;
                prop_assert!(given <= most, "{given} of {most}");
            }
        }
    }
}
