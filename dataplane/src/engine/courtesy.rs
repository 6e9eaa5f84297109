//! May a worker without frames let others have its processor?
//!
//! It does, while it waits for more of what it had: those who send and receive need processors too, and
//! give them back when they sleep. Who never rests keeps one to the end of its time slice, some ms, and
//! what a frame was waiting for waits as long. One who took that long and had hardly sent anything to us was such,
//! and for a while this worker waits without letting anybody in.

use super::reading::Served;
use crate::clock::Time;
use std::time::Duration;

/// Longer than those who send and receive keep a processor without many frames.
const LONG: Duration = Duration::from_millis(1);

/// What waited meanwhile is read within this time; an inlet may have to be found by the poller first.
const AT_ONCE: Duration = Duration::from_micros(100);

/// How long nobody is let in, then.
const A_WHILE: Duration = Duration::from_secs(1);

/// What a pass brought: of all its inlets, the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Brought {
    Nothing,
    Some,
    /// An inlet used up its budget.
    Plenty,
}

impl Brought {
    /// What one inlet brought.
    #[inline]
    pub(super) fn by(served: Served) -> Self {
        match served {
            Served::Idle | Served::Gone => Self::Nothing,
            Served::Dry(_) => Self::Some,
            Served::More => Self::Plenty,
        }
    }
}

/// When a worker let others in, and whether it still does.
#[derive(Debug)]
pub(super) struct Courtesy {
    /// They were let in behind the last pass, while something was waited for.
    let_in_at: Option<Time>,
    /// One who was let in took long, and this was seen then.
    suspect_at: Option<Time>,
    /// Nobody is let in before.
    not_before: Time,
}

impl Courtesy {
    pub(super) fn new() -> Self {
        Self { let_in_at: None, suspect_at: None, not_before: Time::START }
    }

    /// A pass that began at `now` is over. True if others are to be let in behind it; `is_busy` says whether
    /// an inlet had a frame a moment ago.
    #[inline]
    pub(super) fn passed(&mut self, brought: Brought, is_busy: bool, now: Time) -> bool {
        if self.let_in_at.take().is_some_and(|since| now - since > LONG) {
            self.suspect_at = Some(now);
        }
        if brought != Brought::Nothing
            && let Some(since) = self.suspect_at.take()
            && brought == Brought::Some
            && now - since < AT_ONCE
        {
            self.not_before = now + A_WHILE;
        }
        let lets_in = brought == Brought::Nothing && !(is_busy && now < self.not_before);
        if lets_in && is_busy {
            self.let_in_at = Some(now);
        }
        lets_in
    }
}

#[cfg(test)]
mod tests {
    use super::Brought::{Nothing, Plenty, Some};
    use super::*;

    fn at(micros: u64) -> Time {
        Time::from_nanos(micros * 1000)
    }

    #[test]
    fn who_waits_lets_others_in_and_who_has_frames_does_not() {
        let mut courtesy = Courtesy::new();
        let passes = [(Some, false), (Nothing, true), (Plenty, false), (Nothing, true)];
        for (micros, (brought, lets_in)) in (0..).step_by(100).zip(passes) {
            assert_eq!(courtesy.passed(brought, true, at(micros)), lets_in, "{micros}");
        }
    }

    #[test]
    fn one_who_took_long_for_hardly_a_frame_is_not_let_in_for_a_while() {
        for (took, brought, is_let_in) in [
            (4000, Some, false),
            (900, Some, true),
            // A sender's slice.
            (4000, Plenty, true),
        ] {
            let mut courtesy = Courtesy::new();
            assert!(courtesy.passed(Nothing, true, at(0)));
            // The poller is asked first.
            courtesy.passed(Nothing, false, at(took));
            courtesy.passed(brought, true, at(took + 5));
            assert_eq!(courtesy.passed(Nothing, true, at(took + 10)), is_let_in, "{took}");
            // One that is only kept awake has nothing that waits.
            assert!(courtesy.passed(Nothing, false, at(took + 20)));
            assert!(courtesy.passed(Nothing, true, at(took + 1_000_006)), "a while is over");
        }
    }

    #[test]
    fn a_long_sleep_is_nobodys_fault() {
        let mut courtesy = Courtesy::new();
        assert!(courtesy.passed(Nothing, false, at(0)));
        courtesy.passed(Some, true, at(5000));
        assert!(courtesy.passed(Nothing, true, at(5010)));
    }
}
