//! What does a flow hold of the NAT?

use super::pool::MAX_POOLS;
use std::num::NonZero;

/// A flow's right to its external port. Hangs on the flow's conntrack entry; to be handed back with
/// [`Nat::release`](super::Nat::release) when the flow ends. Four bytes, also if it may be missing.
#[derive(Clone, Debug)]
#[must_use = "a lease that is not handed back with `Nat::release` keeps its port for ever"]
pub struct Lease(
    /// From above: the mapping's slot (29 bits), the kind (2), a one.
    NonZero<u32>,
);

/// On what the lease is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A mapping of the flow's own endpoint.
    Owner = 0,
    /// A port that others use as well, each towards other destinations.
    Guest = 1,
    /// No port: the protocol has none.
    Portless = 2,
}

impl Lease {
    /// Slots are below 2^28: `MAX_POOLS` of 65,536 ports each.
    pub(super) fn new(mapping: u32, kind: Kind) -> Self {
        Self(NonZero::<u32>::MIN | mapping << 3 | (kind as u32) << 1)
    }

    #[inline]
    pub(super) fn mapping(&self) -> u32 {
        self.0.get() >> 3
    }

    #[inline]
    pub(super) fn kind(&self) -> Kind {
        match self.0.get() >> 1 & 3 {
            0 => Kind::Owner,
            1 => Kind::Guest,
            _ => Kind::Portless,
        }
    }

    /// Is it on the mapping of the flow's own internal endpoint? Otherwise others may send to the
    /// flow only from where it sends to, whatever the filtering.
    #[inline]
    pub fn owns_mapping(&self) -> bool {
        self.kind() == Kind::Owner
    }
}

const _: () = assert!(MAX_POOLS << 16 <= 1 << 29, "a lease has 29 bits for the mapping's slot");
const _: () = assert!(size_of::<Option<Lease>>() == 4, "a lease hangs on every translated flow");
