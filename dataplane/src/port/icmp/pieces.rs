//! How does a message travel that is larger than a packet may be?
//!
//! The kernel hands messages over whole, put together from whatever fragments they came in. Here such
//! a one is cut again, so that it fits the network as it did before: from one packet to fragments of
//! it, one after the other, the first with the head of the message. Source: RFC 791 3.2, RFC 8200 4.5.
//!
//! Known gap: options of an IPv4 header stay with the first fragment, also those that all should have.

use crate::wire::checksum::Sum;
use crate::wire::ipv4::{self, Ipv4Header};
use crate::wire::ipv6::{self, FragmentHeader, Ipv6Header};
use zerocopy::{FromBytes, IntoBytes};

/// Fragments but the last are a multiple of this long (RFC 791).
const UNIT: usize = 8;

/// A packet that leaves in fragments.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    packet: Vec<u8>,
    /// The length of its IP header.
    header: usize,
    /// How many bytes of its payload have left.
    sent: usize,
    /// How many of them a fragment has at most.
    step: usize,
    /// Tells fragments of one IPv6 packet from those of others.
    id: u32,
}

impl Pieces {
    /// The fragments of an IP packet; `None` if it fits, or cannot be cut.
    pub(super) fn of(packet: &[u8], mtu: usize, id: u32) -> Option<Self> {
        if packet.len() <= mtu {
            return None;
        }
        let (header, overhead) = match packet[0] >> 4 {
            4 => {
                let header = Ipv4Header::parse(packet).ok()?.header_len();
                (header, header)
            }
            _ => {
                Ipv6Header::parse(packet).ok()?;
                (ipv6::HEADER_LEN, ipv6::HEADER_LEN + ipv6::FRAGMENT_HEADER_LEN)
            }
        };
        let step = mtu.checked_sub(overhead)? / UNIT * UNIT;
        (step > 0).then(|| Self { packet: packet.to_owned(), header, sent: 0, step, id })
    }

    /// Writes the next fragment to the start of `space` and returns its length; `None` after the last.
    pub(super) fn next(&mut self, space: &mut [u8]) -> Option<usize> {
        let payload = self.packet.get(self.header + self.sent..).filter(|rest| !rest.is_empty())?;
        let (payload, more) = (&payload[..self.step.min(payload.len())], payload.len() > self.step);
        // Offsets are in units of 8 bytes in the upper bits of IPv6's field, so they stand there as
        // they are; all of them fit 16 bits, for the packet's length does.
        let offset = self.sent as u16;
        let header = match self.packet[0] >> 4 {
            4 => self.ipv4_header(offset, payload.len(), more, space)?,
            _ => self.ipv6_headers(offset, payload.len(), more, space)?,
        };
        space.get_mut(header..header + payload.len())?.copy_from_slice(payload);
        self.sent += payload.len();
        Some(header + payload.len())
    }

    fn ipv4_header(
        &self,
        offset: u16,
        payload: usize,
        more: bool,
        space: &mut [u8],
    ) -> Option<usize> {
        let mut header = *Ipv4Header::ref_from_prefix(&self.packet).ok()?.0;
        let length = if offset == 0 { self.header } else { ipv4::HEADER_LEN };
        let options = &self.packet[ipv4::HEADER_LEN..length];
        header.version_ihl = 0x40 | (length / 4) as u8;
        header.total_length = u16::try_from(length + payload).ok()?.into();
        let more = if more { ipv4::MORE_FRAGMENTS } else { 0 };
        header.flags_fragment = (more | (offset / UNIT as u16)).into();
        header.checksum = 0.into();
        header.checksum = Sum::default().bytes(header.as_bytes()).bytes(options).checksum().into();
        space.get_mut(..ipv4::HEADER_LEN)?.copy_from_slice(header.as_bytes());
        space.get_mut(ipv4::HEADER_LEN..length)?.copy_from_slice(options);
        Some(length)
    }

    fn ipv6_headers(
        &self,
        offset: u16,
        payload: usize,
        more: bool,
        space: &mut [u8],
    ) -> Option<usize> {
        let mut header = *Ipv6Header::ref_from_prefix(&self.packet).ok()?.0;
        let fragment = FragmentHeader {
            next_header: header.next_header,
            reserved: 0,
            offset_more: (offset | (u16::from(more) * ipv6::MORE_FRAGMENTS)).into(),
            id: self.id.into(),
        };
        header.next_header = ipv6::FRAGMENT;
        header.payload_length = u16::try_from(ipv6::FRAGMENT_HEADER_LEN + payload).ok()?.into();
        let length = ipv6::HEADER_LEN + ipv6::FRAGMENT_HEADER_LEN;
        space.get_mut(..ipv6::HEADER_LEN)?.copy_from_slice(header.as_bytes());
        space.get_mut(ipv6::HEADER_LEN..length)?.copy_from_slice(fragment.as_bytes());
        Some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{Ipv4Slice, Ipv6Header as Read6, PacketBuilder};

    /// An echo reply with so much data.
    fn reply(ipv4: bool, length: usize) -> Vec<u8> {
        let data: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let mut packet = Vec::new();
        if ipv4 {
            let ip = PacketBuilder::ipv4([192, 0, 2, 9], [192, 0, 2, 1], 60);
            ip.icmpv4_echo_reply(7, 1).write(&mut packet, &data).unwrap();
        } else {
            let ip = PacketBuilder::ipv6([9; 16], [1; 16], 60);
            ip.icmpv6_echo_reply(7, 1).write(&mut packet, &data).unwrap();
        }
        packet
    }

    fn cut(packet: &[u8], mtu: usize) -> Vec<Vec<u8>> {
        let mut pieces = Pieces::of(packet, mtu, 77).unwrap();
        let mut space = vec![0; 65_536];
        let next = || pieces.next(&mut space).map(|length| space[..length].to_owned());
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn the_fragments_of_an_ipv4_packet_make_it_up() {
        let packet = reply(true, 3000);
        let (mut whole, mut ended) = (Vec::<u8>::new(), false);
        for piece in cut(&packet, 1500) {
            // Its checksum is looked at as well.
            Ipv4Header::parse(&piece).unwrap();
            let ip = Ipv4Slice::from_slice(&piece).unwrap();
            let header = ip.header();
            assert!(piece.len() <= 1500 && !ended);
            assert_eq!(usize::from(header.fragments_offset().value()) * 8, whole.len());
            assert_eq!((header.source(), header.ttl()), ([192, 0, 2, 9], 60));
            whole.extend(ip.payload().payload);
            ended = !header.more_fragments();
        }
        assert!(ended && whole == packet[20..]);
    }

    #[test]
    fn the_fragments_of_an_ipv6_packet_make_it_up() {
        let packet = reply(false, 3000);
        let (mut whole, mut ended) = (Vec::<u8>::new(), false);
        for piece in cut(&packet, 1280) {
            let (header, rest) = Read6::from_slice(&piece).unwrap();
            assert_eq!(
                (header.next_header.0, usize::from(header.payload_length)),
                (44, rest.len())
            );
            let (fragment, payload) = FragmentHeader::ref_from_prefix(rest).unwrap();
            assert!(piece.len() <= 1280 && !ended);
            assert_eq!((fragment.next_header, fragment.id.get()), (58, 77));
            assert_eq!(usize::from(fragment.offset_more.get() & ipv6::OFFSET_MASK), whole.len());
            whole.extend(payload);
            ended = fragment.offset_more.get() & ipv6::MORE_FRAGMENTS == 0;
        }
        assert!(ended && whole == packet[40..]);
    }

    #[test]
    fn the_largest_packet_is_cut_to_its_end() {
        let packet = reply(true, 65_535 - 28);
        let length: usize = cut(&packet, 576).iter().map(|piece| piece.len() - 20).sum();
        assert_eq!(length, packet.len() - 20);
    }

    #[test]
    fn what_fits_or_is_no_packet_is_not_cut() {
        assert!(Pieces::of(&reply(true, 1472), 1500, 0).is_none());
        assert!(Pieces::of(&reply(true, 1473), 1500, 0).is_some());
        assert!(Pieces::of(&[0x45; 2000], 1500, 0).is_none());
        assert!(Pieces::of(&[0x60; 2000], 1500, 0).is_none());
        assert!(Pieces::of(&reply(false, 100), 48, 0).is_none());
    }
}
