//! May this port send or get another frame now? Limits of packets and bytes per second.
//!
//! ```text
//!  from a port ──> parse ──> admit ──> leave ──> learn ──> …    out: dropped at the ingress port
//!  to a port   <── deliver <── enter <── …                      in: dropped at the egress port
//! ```
//!
//! Two token [`Bucket`]s each way, one for packets and one for bytes. What is beyond them is dropped,
//! not delayed: a frame that is not sent on at once would have to be copied. A sender that adapts, as
//! TCP does, settles at the rate.
//!
//! A frame costs what the wire would see ([`Frame::cost`]): a super-frame all of its segments. It
//! passes whole or not at all. A bucket that is full lets any one frame pass and owes what it lacks,
//! so the rate holds in the long run also where one super-frame is more than a second's worth.
//!
//! Where no port has a limit, a frame costs one look at a number on each side.
//!
//! Limits of flows are kept where flows are, in [`crate::conntrack::Census`].

use crate::bucket::Bucket;
use crate::clock::Time;
use crate::config::PortLimits;
use crate::frame::{Cost, Frame};
use crate::outcome::{DropReason, PortId};
use std::num::NonZeroU64;
use std::time::Duration;

/// How much of a second's packets and bytes may come at once.
pub const BURST: Duration = Duration::from_millis(100);

/// The limits of all ports.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// How many ports have buckets.
    limited: usize,
    ports: Vec<Limited>,
}

/// The limits of one port.
#[derive(Clone, Debug, Default)]
struct Limited {
    limits: PortLimits,
    /// `None` where no rate is limited.
    gauges: Option<Box<Gauges>>,
}

/// The buckets of one port.
#[derive(Clone, Copy, Debug)]
struct Gauges {
    inward: Gauge,
    outward: Gauge,
}

/// The buckets of one direction.
#[derive(Clone, Copy, Debug)]
struct Gauge {
    packets: Option<Bucket>,
    bytes: Option<Bucket>,
}

/// Which of its buckets a frame was too much for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Excess {
    Packets,
    Bytes,
}

impl Limits {
    /// No limits for anybody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a port other limits. A bucket whose rate stays keeps what is in it; the others are full.
    pub fn set(&mut self, port: PortId, limits: PortLimits) {
        if self.ports.len() <= port.index() {
            self.ports.resize(port.index() + 1, Limited::default());
        }
        let limited = &mut self.ports[port.index()];
        let gauges = has_rates(&limits).then(|| Box::new(Gauges::new(&limits, limited)));
        *limited = Limited { limits, gauges };
        self.limited = self.ports.iter().filter(|limited| limited.gauges.is_some()).count();
    }

    /// The limits of a port.
    pub fn of(&self, port: PortId) -> PortLimits {
        self.ports.get(port.index()).map_or(PortLimits::NONE, |limited| limited.limits)
    }

    /// May the frame come from its port?
    ///
    /// # Errors
    /// `LimitPacketsOut` or `LimitBytesOut`; then it has cost nothing.
    #[inline]
    pub fn leave(&mut self, frame: &Frame<'_>, now: Time) -> Result<(), DropReason> {
        if self.limited == 0 { Ok(()) } else { self.leave_limited(frame, now) }
    }

    /// May the frame go to this port?
    ///
    /// # Errors
    /// `LimitPacketsIn` or `LimitBytesIn`; then it has cost nothing.
    #[inline]
    pub fn enter(&mut self, port: PortId, frame: &Frame<'_>, now: Time) -> Result<(), DropReason> {
        if self.limited == 0 { Ok(()) } else { self.enter_limited(port, frame, now) }
    }

    // Apart from the way of a frame in a network without limits.
    #[cold]
    fn leave_limited(&mut self, frame: &Frame<'_>, now: Time) -> Result<(), DropReason> {
        let Some(gauges) = self.gauges(frame.ingress()) else { return Ok(()) };
        gauges.outward.take(frame, now).map_err(|excess| match excess {
            Excess::Packets => DropReason::LimitPacketsOut,
            Excess::Bytes => DropReason::LimitBytesOut,
        })
    }

    #[cold]
    fn enter_limited(
        &mut self,
        port: PortId,
        frame: &Frame<'_>,
        now: Time,
    ) -> Result<(), DropReason> {
        let Some(gauges) = self.gauges(port) else { return Ok(()) };
        gauges.inward.take(frame, now).map_err(|excess| match excess {
            Excess::Packets => DropReason::LimitPacketsIn,
            Excess::Bytes => DropReason::LimitBytesIn,
        })
    }

    fn gauges(&mut self, port: PortId) -> Option<&mut Gauges> {
        self.ports.get_mut(port.index())?.gauges.as_deref_mut()
    }
}

impl Gauges {
    /// Buckets for these limits. One of a rate that was there before is as full as it was.
    fn new(limits: &PortLimits, before: &Limited) -> Self {
        let old = before.gauges.as_deref();
        let bucket = |rate: fn(&PortLimits) -> Option<NonZeroU64>,
                      of: fn(&Self) -> Option<Bucket>| {
            let same = rate(limits) == rate(&before.limits);
            let kept = old.filter(|_| same).and_then(of);
            kept.or_else(|| rate(limits).map(|rate| Bucket::new(rate.get(), BURST)))
        };
        Self {
            inward: Gauge {
                packets: bucket(|limits| limits.packets_in, |old| old.inward.packets),
                bytes: bucket(|limits| limits.bytes_in, |old| old.inward.bytes),
            },
            outward: Gauge {
                packets: bucket(|limits| limits.packets_out, |old| old.outward.packets),
                bytes: bucket(|limits| limits.bytes_out, |old| old.outward.bytes),
            },
        }
    }
}

impl Gauge {
    /// Takes what the frame costs out of both buckets, or nothing if either lacks it.
    fn take(&mut self, frame: &Frame<'_>, now: Time) -> Result<(), Excess> {
        let Cost { packets, bytes } = frame.cost();
        let packets = spend(self.packets, packets, now).ok_or(Excess::Packets)?;
        let bytes = spend(self.bytes, bytes, now).ok_or(Excess::Bytes)?;
        *self = Self { packets, bytes };
        Ok(())
    }
}

/// The bucket after that, if there is one; `None` if it lacks the amount.
fn spend(bucket: Option<Bucket>, amount: u64, now: Time) -> Option<Option<Bucket>> {
    match bucket {
        None => Some(None),
        Some(bucket) => bucket.spend(amount, now).map(Some),
    }
}

/// Is there a limit that is kept here?
fn has_rates(limits: &PortLimits) -> bool {
    let PortLimits { packets_in, packets_out, bytes_in, bytes_out, .. } = limits;
    [packets_in, packets_out, bytes_in, bytes_out].iter().any(|limit| limit.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::with_plain_header;

    const PORT: PortId = PortId(3);

    fn per_second(rate: u64) -> Option<NonZeroU64> {
        NonZeroU64::new(rate)
    }

    fn limits(limit: PortLimits) -> Limits {
        let mut limits = Limits::new();
        limits.set(PORT, limit);
        limits
    }

    /// How many frames of 100 bytes pass, of so many from the port and to it.
    fn passing(limits: &mut Limits, frames: usize, now: Time) -> (usize, usize) {
        let mut bytes = with_plain_header(&[&[2; 12][..], &[0x88, 0xb5], &[0; 86]].concat());
        let frame = Frame::parse(PORT, &mut bytes).unwrap();
        let out = (0..frames).filter(|_| limits.leave(&frame, now).is_ok()).count();
        (out, (0..frames).filter(|_| limits.enter(PORT, &frame, now).is_ok()).count())
    }

    #[test]
    fn each_way_has_its_own_limits_of_packets_and_bytes() {
        let now = Time::START;
        let none = PortLimits::NONE;
        assert_eq!(passing(&mut limits(none), 50, now), (50, 50));
        let of = |limit| passing(&mut limits(limit), 50, now);
        assert_eq!(of(PortLimits { packets_out: per_second(100), ..none }), (10, 50));
        assert_eq!(of(PortLimits { packets_in: per_second(100), ..none }), (50, 10));
        assert_eq!(of(PortLimits { bytes_out: per_second(20_000), ..none }), (20, 50));
        assert_eq!(of(PortLimits { bytes_in: per_second(20_000), ..none }), (50, 20));
    }

    #[test]
    fn the_rate_holds_over_a_minute() {
        let mut limits = limits(PortLimits { packets_out: per_second(100), ..PortLimits::NONE });
        let at = |millis: u64| Time::from_nanos(millis * 1_000_000);
        let passed: usize = (0..60_000).map(|millis| passing(&mut limits, 1, at(millis)).0).sum();
        assert!((6000..=6010).contains(&passed), "{passed}");
    }

    #[test]
    fn other_limits_leave_the_buckets_alone_whose_rate_stays() {
        let one = PortLimits { packets_out: per_second(100), ..PortLimits::NONE };
        let mut limits = limits(one);
        assert_eq!(passing(&mut limits, 50, Time::START), (10, 50));
        limits.set(PORT, PortLimits { packets_in: per_second(20), ..one });
        assert_eq!(passing(&mut limits, 50, Time::START), (0, 2));
        limits.set(PORT, PortLimits { packets_out: per_second(1000), ..PortLimits::NONE });
        assert_eq!(passing(&mut limits, 200, Time::START), (100, 200));
        limits.set(PORT, PortLimits::NONE);
        assert_eq!(passing(&mut limits, 200, Time::START), (200, 200));
        assert_eq!(limits.limited, 0);
    }

    #[test]
    fn a_port_without_limits_is_free_beside_one_that_has_some() {
        let mut limits = limits(PortLimits { packets_in: per_second(1), ..PortLimits::NONE });
        let mut bytes = with_plain_header(&[&[2; 12][..], &[0x88, 0xb5]].concat());
        let frame = Frame::parse(PortId(9), &mut bytes).unwrap();
        for port in [PortId(0), PortId(9)] {
            assert!((0..9).all(|_| limits.enter(port, &frame, Time::START).is_ok()));
        }
        assert!((0..9).all(|_| limits.leave(&frame, Time::START).is_ok()));
    }
}
