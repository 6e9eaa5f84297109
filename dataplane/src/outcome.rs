//! How does a frame end?
//!
//! Every frame that enters ends in exactly one [`Outcome`] at its ingress port: it was handed to one
//! port, flooded, answered here, held until a neighbour's MAC or its first fragment is known, or dropped
//! for a [`DropReason`]. One that was held goes on later, or is dropped: it has waited too long, or another
//! takes its place. A copy that dies on its way out (the egress port refuses it, its limit is reached,
//! or it is larger than the port's MTU) is counted at that egress port instead.
//! A `DropReason` is not an error: it is its own counter, see [`crate::counters`].

use std::fmt;

/// Index of a switch port. Port 0 is the host's by convention of the control crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortId(pub u16);

impl PortId {
    /// The port's place in a table of ports.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Index of a queue of a port. Each queue is in order; a port has one of them, or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueId(pub u8);

impl QueueId {
    /// The one that every port has.
    pub const FIRST: Self = Self(0);

    /// The queue's place in a table of queues.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Where the switch sends a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To the one port behind which the destination lives.
    Unicast(PortId),
    /// To every port that may hear the ingress port.
    Flood,
    /// Nowhere: it was for the dataplane itself, which answers, or sends another one in its place.
    Answered,
    /// Nowhere yet: it waits, until the MAC of its next host or its first fragment is there.
    Held,
}

/// The end of a frame's walk.
pub type Outcome = Result<Verdict, DropReason>;

macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// Why a frame died. The documentation of a variant is what users read of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl DropReason {
            /// All reasons, in the order of a frame's way.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The reason's stable name, in lower case with hyphens, as counters show it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The reason in words.
            pub fn explain(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

drop_reasons! {
    /// The kernel lost the frame on the way here: a virtio header cannot say how it is to be cut.
    UnreadableFrame = "unreadable-frame",
    /// The frame is shorter than an Ethernet header (14 bytes).
    ShortFrame = "short-frame",
    /// The frame is longer than the receive buffer and was cut by the read.
    OversizedFrame = "oversized-frame",
    /// The virtio header asks for an offload that does not fit the frame's headers.
    BadOffload = "bad-offload",
    /// The source MAC is a group address.
    GroupSource = "group-source-mac",
    /// The source MAC is all zeroes.
    ZeroSource = "zero-source-mac",
    /// The IP version field contradicts the EtherType.
    IpVersion = "ip-version",
    /// The IPv4 header is shorter than 20 bytes or longer than the frame.
    Ipv4HeaderLength = "ipv4-header-length",
    /// The IPv4 total length is below the header's or beyond the frame.
    Ipv4TotalLength = "ipv4-total-length",
    /// The IPv4 header checksum is wrong.
    Ipv4Checksum = "ipv4-checksum",
    /// The IPv6 header is cut off or its payload length is beyond the frame.
    Ipv6Length = "ipv6-length",
    /// The TCP data offset is below 5 words or beyond the packet.
    TcpOffset = "tcp-offset",
    /// The TCP or UDP header is cut off, though the packet is no fragment.
    TransportLength = "transport-length",
    /// The source MAC is not the one this port was given (source-MAC check).
    SourceCheck = "source-check",
    /// Its limit: more packets per second than this port may send.
    LimitPacketsOut = "limit-packets-out",
    /// Its limit: more bytes per second than this port may send.
    LimitBytesOut = "limit-bytes-out",
    /// The source MAC is a static entry of another port.
    StaticMacElsewhere = "static-mac-elsewhere",
    /// The destination is a reserved group address, 01-80-C2-00-00-00 to -0F (IEEE 802.1Q 8.6.3).
    ReservedGroup = "reserved-group",
    /// The destination lives behind the port that the frame came from.
    SamePort = "same-port",
    /// Both ports are isolated.
    Isolated = "isolated",
    /// Storm control: more flooded frames per second than this port may send.
    StormFrames = "storm-frames",
    /// Storm control: more flooded bytes per second than this port may send.
    StormBytes = "storm-bytes",
    /// There is no other port that could hear a flooded frame.
    NobodyToFlood = "nobody-to-flood",
    /// A packet of the flow's protocol cannot be so, or not now: a TCP segment outside the window, an
    /// answer to nothing (the state INVALID).
    CtInvalid = "ct-invalid",
    /// There are as many flows as there may be, and none that may be dropped early.
    CtFull = "ct-full",
    /// Another flow has one of the two tuples that the flow would have.
    CtClash = "ct-clash",
    /// The namespace has as many flows as it may have.
    CtPortFull = "ct-port-full",
    /// Its limit: more flows in a second than may begin at the namespace, or lead to it.
    LimitNewFlows = "limit-new-flows",
    /// The IPv6 extension headers do not lead to a layer 4: they are cut off, too many, or go on behind
    /// a fragment header. It can be neither judged by rules nor translated.
    HiddenTransport = "hidden-transport",
    /// A rule, or the default policy, drops it.
    FilterDrop = "filter-drop",
    /// A rule, or the default policy, rejects it; its sender was told.
    FilterReject = "filter-reject",
    /// Namespaces of this network do not begin flows to each other (`--icc=false`).
    NoIcc = "no-icc",
    /// It is between this network and another one of the host, and no rule lets it pass.
    OtherNetwork = "other-network",
    /// The network has no way to the outside (`--internal`).
    Internal = "internal",
    /// It comes from the outside, but not to a published port and not as a reply.
    NotPublished = "not-published",
    /// The host has no route to the destination, or no address to send from.
    NoRoute = "no-route",
    /// An ICMP message to the host that is about no flow of the network; the host has it as well.
    NotOurs = "icmp-not-ours",
    /// All ports of the external address are in use towards this destination.
    NatPortsFull = "nat-ports-full",
    /// It is not from somebody who may send to this mapping (NAT filtering).
    NatFiltered = "nat-filtered",
    /// The packet may make no more hops; its sender was told.
    TtlExpired = "ttl-expired",
    /// No fragment of the datagram that tells whose it is came in time, or too many wait for one.
    FragmentLost = "fragment-lost",
    /// Nobody answers for the destination's address, or too many frames wait for it.
    Unresolved = "unresolved",
    /// The source address cannot be where it comes from: not of the network, or not from the outside.
    SpoofedSource = "spoofed-source",
    /// The egress port's limit: more packets per second than may be sent to it.
    LimitPacketsIn = "limit-packets-in",
    /// The egress port's limit: more bytes per second than may be sent to it.
    LimitBytesIn = "limit-bytes-in",
    /// The packet, or a segment of the super-frame, is larger than the egress port's MTU.
    ExceedsMtu = "exceeds-mtu",
    /// The egress port lacks an offload and the frame's headers do not allow doing its work here.
    CannotSegment = "cannot-segment",
    /// The egress port had no room or memory.
    EgressFull = "egress-full",
    /// The egress interface is down.
    EgressDown = "egress-down",
    /// The egress port is gone: its namespace or device was removed.
    EgressGone = "egress-gone",
    /// The kernel refused the frame as malformed.
    EgressRefused = "egress-refused",
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_explained() {
        let names: HashSet<_> = DropReason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), DropReason::COUNT);
        for (index, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
            assert!(reason.explain().ends_with('.'), "{reason}: {}", reason.explain());
        }
    }
}
