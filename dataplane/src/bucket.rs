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
