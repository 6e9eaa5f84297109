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

    /// The same bucket at another rate, of which `per_second` is at least 1. It is as full as it was, in
    /// parts of a burst, so nobody gets one by the change; what it owes beyond that stays as much.
    #[must_use]
    pub fn retuned(&self, per_second: u64, now: Time) -> Self {
        let missing = self.full_at - now;
        let owed = missing.saturating_sub(self.burst);
        // At most 584 years of nanoseconds times 64 bits.
        let owes = owed.as_nanos() * u128::from(self.per_second) / u128::from(per_second);
        let owed_now = Duration::from_nanos(u64::try_from(owes).unwrap_or(u64::MAX));
        Self { per_second, full_at: now + (missing - owed) + owed_now, ..*self }
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

    #[test]
    fn at_another_rate_it_is_as_full_and_owes_as_much() {
        let now = Time::START + Duration::from_secs(9);
        let mut bucket = Bucket::new(1000, Duration::from_millis(50));
        assert_eq!((0..100).filter(|_| bucket.take(1, now)).count(), 50);
        for rate in [500, 4000, 1000] {
            let mut empty = bucket.retuned(rate, now);
            assert!(!empty.take(1, now), "{rate}");
            let one = now + Duration::from_nanos(1_000_000_000 / rate);
            assert!(empty.take(1, one) && !empty.take(1, one), "{rate}");
        }
        let later = now + Duration::from_secs(1);
        let mut full = bucket.retuned(2000, later);
        assert_eq!((0..1000).filter(|_| full.take(1, later)).count(), 100);
        // A full one has let 600 pass, of which 550 are owed.
        let owing = Bucket::new(100, Duration::from_millis(500)).spend(600, now).unwrap();
        let quick = owing.retuned(1000, now);
        assert!(quick.spend(1, now + Duration::from_millis(551)).is_some());
        assert!(quick.spend(1, now + Duration::from_millis(550)).is_none());
        let most = Bucket::new(1, Duration::ZERO).spend(u64::MAX, now).unwrap();
        assert!(most.retuned(u64::MAX, now).spend(1, later).is_some(), "nothing overflows");
        let slow = Bucket::new(u64::MAX, Duration::ZERO).spend(u64::MAX, now).unwrap();
        assert!(slow.retuned(1, now).spend(1, later).is_none());
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
