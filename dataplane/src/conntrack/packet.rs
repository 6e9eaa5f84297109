//! What does a packet say that a tracker needs?
//!
//! Built once per frame. Known gap: of a fragment, TCP's header is not read, since it does not tell
//! where the whole segment ends; see [`super::tcp`] for what follows from that.

use super::segment::Segment;
use crate::frame::{Frame, Piece, Transport};
use crate::wire::icmp::{IcmpHeader, Kind};
use crate::wire::tcp;

/// A packet, as far as the tracker cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The IP protocol number.
    pub protocol: u8,
    /// Length from the IP header on in bytes; of a super-frame, all of it, as the kernel counts.
    pub length: u32,
    /// What kind of ICMP message it is, if it is one.
    pub icmp: Option<Kind>,
    /// The TCP segment, if it is a whole one.
    pub tcp: Option<Segment>,
}

impl Packet {
    /// The packet that a frame carries.
    #[inline]
    pub fn of(frame: &Frame<'_>) -> Self {
        let layout = frame.layout();
        // A frame has less than 2^17 bytes.
        let length = (layout.end() - layout.network()) as u32;
        let plain = Self { protocol: layout.protocol(), length, icmp: None, tcp: None };
        match layout.transport_kind() {
            Transport::Tcp => {
                let header = &frame.ethernet()[layout.transport()..layout.payload()];
                let payload = (layout.end() - layout.payload()) as u32;
                Self { tcp: Segment::read(header, payload), ..plain }
            }
            Transport::Udp => plain,
            Transport::Icmp | Transport::Other => Self { icmp: icmp(frame), ..plain },
        }
    }

    /// Is it a request, or none of the family's ICMP at all?
    pub(super) fn is_request<A: crate::flow::Address>(&self) -> bool {
        self.protocol != A::ICMP || self.icmp == Some(Kind::Request)
    }

    /// Is it TCP?
    #[inline]
    pub(super) fn is_tcp(&self) -> bool {
        self.protocol == tcp::PROTOCOL
    }
}

/// The kind of the ICMP message in a frame, or in the first fragment of one.
#[cold]
fn icmp(frame: &Frame<'_>) -> Option<Kind> {
    let layout = frame.layout();
    if layout.piece() == Piece::Later {
        return None;
    }
    let message = frame.ethernet().get(layout.transport()..layout.end())?;
    let header = IcmpHeader::parse(message).ok()?;
    Some(header.classify(layout.protocol()))
}
