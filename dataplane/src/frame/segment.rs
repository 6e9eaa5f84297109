//! Cuts a super-frame into the frames that the kernel would have made of it.
//!
//! TCP: sequence numbers go on, FIN and PSH stay on the last segment, CWR on the first. UDP: each
//! datagram gets its length. IPv4: identifications count up. All checksums are complete.
//! Source: `tcp_gso_segment`, `__udp_gso_segment`, `inet_gso_segment` in the kernel's `net/ipv4`;
//! a test of this project compares the bytes with the kernel's.

use super::{Frame, Network, Super};
use crate::wire::checksum::Sum;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;
use crate::wire::tcp::{self, TcpHeader, flag};
use crate::wire::udp::{self, UdpHeader};
use crate::wire::vnet::{self, VnetHeader};
use zerocopy::{FromBytes, IntoBytes};

/// Most frames that one super-frame is cut into. 65,535 bytes at the smallest MSS that TCP may use, 48
/// bytes of which 12 are options (`TCP_MIN_MSS`, RFC 7323), are 1,820; a sender that asks for more
/// wants our time, not its data.
pub const MAX_SEGMENTS: usize = 2048;

/// The frames of one super-frame, written one after the other into a buffer of the caller.
#[derive(Debug)]
pub struct Segments<'f, 'b> {
    frame: &'f Frame<'b>,
    kind: Super,
    size: usize,
    next: usize,
    count: usize,
}

impl<'f, 'b> Segments<'f, 'b> {
    /// `None` if the frame is no super-frame or would become more than [`MAX_SEGMENTS`] frames.
    pub fn of(frame: &'f Frame<'b>) -> Option<Self> {
        let kind = frame.super_frame()?;
        let size = usize::from(frame.offload().gso_size.get());
        let payload = frame.len() - frame.layout().payload();
        let count = payload.div_ceil(size);
        (count <= MAX_SEGMENTS).then_some(Self { frame, kind, size, next: 0, count })
    }

    /// How many frames there are in all.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Writes the next frame, behind a plain virtio header, to the start of `room`, which must hold
    /// the super-frame's own length. Returns what was written, or `None` after the last.
    pub fn write_next<'r>(&mut self, room: &'r mut [u8]) -> Option<&'r [u8]> {
        if self.next == self.count {
            return None;
        }
        let layout = self.frame.layout();
        let whole = self.frame.ethernet();
        let from = layout.payload() + self.next * self.size;
        let payload = &whole[from..(from + self.size).min(whole.len())];
        let length = layout.payload() + payload.len();

        let (header, frame) = room[..vnet::HEADER_LEN + length].split_at_mut(vnet::HEADER_LEN);
        let plain = VnetHeader { hdr_len: self.frame.offload().hdr_len, ..Default::default() };
        header.copy_from_slice(plain.as_bytes());
        frame[..layout.payload()].copy_from_slice(&whole[..layout.payload()]);
        frame[layout.payload()..].copy_from_slice(payload);

        self.write_network(frame);
        match self.kind {
            Super::TcpV4 | Super::TcpV6 => self.write_tcp(frame),
            Super::Udp => self.write_udp(frame),
        }
        self.next += 1;
        Some(&room[..vnet::HEADER_LEN + length])
    }

    /// Lengths, identification and header checksum of layer 3.
    fn write_network(&self, frame: &mut [u8]) {
        let layout = self.frame.layout();
        let length = frame.len() - layout.network();
        let options = layout.transport() - layout.network();
        let packet = &mut frame[layout.network()..];
        // Both length fields held those of the super-frame, which is no shorter.
        match layout.network_kind() {
            Network::Ipv4 => {
                if let Ok((header, rest)) = Ipv4Header::mut_from_prefix(packet) {
                    let options = &rest[..options - size_of::<Ipv4Header>()];
                    header.total_length = (length as u16).into();
                    header.id = header.id.get().wrapping_add(self.next as u16).into();
                    header.checksum = 0.into();
                    header.checksum =
                        Sum::default().bytes(header.as_bytes()).bytes(options).checksum().into();
                }
            }
            Network::Ipv6 => {
                if let Ok((header, _)) = Ipv6Header::mut_from_prefix(packet) {
                    header.payload_length = ((length - size_of::<Ipv6Header>()) as u16).into();
                }
            }
            // Frame::parse refuses a super-frame that is neither.
            Network::Other => {}
        }
    }

    fn write_tcp(&self, frame: &mut [u8]) {
        let whole = self.frame.len() - self.frame.layout().transport();
        let segment = &mut frame[self.frame.layout().transport()..];
        let length = segment.len() as u16;
        let mut pseudo = Sum::default();
        if let Ok((header, _)) = TcpHeader::mut_from_prefix(segment) {
            let advance = (self.next * self.size) as u32;
            header.sequence = header.sequence.get().wrapping_add(advance).into();
            if self.next > 0 {
                header.flags &= !flag::CWR;
            }
            if self.next + 1 < self.count {
                header.flags &= !(flag::FIN | flag::PSH);
            }
            pseudo = shortened(header.checksum.get(), whole as u16, length);
            header.checksum = 0.into();
        }
        let value = (pseudo + Sum::default().bytes(segment)).checksum();
        segment[tcp::CHECKSUM_OFFSET..][..2].copy_from_slice(&value.to_be_bytes());
    }

    fn write_udp(&self, frame: &mut [u8]) {
        let datagram = &mut frame[self.frame.layout().transport()..];
        let length = datagram.len() as u16;
        let mut pseudo = Sum::default();
        if let Ok((header, _)) = UdpHeader::mut_from_prefix(datagram) {
            pseudo = shortened(header.checksum.get(), header.length.get(), length);
            header.length = length.into();
            header.checksum = 0.into();
        }
        let value = udp::nonzero((pseudo + Sum::default().bytes(datagram)).checksum());
        datagram[udp::CHECKSUM_OFFSET..][..2].copy_from_slice(&value.to_be_bytes());
    }
}

/// The pseudo-header's sum of a segment, from that of the super-frame in its checksum field and their
/// lengths. Not from the IP header's addresses: behind a routing header the destination is another
/// (RFC 8200 8.1), and whoever made the field knows it.
fn shortened(field: u16, whole: u16, segment: u16) -> Sum {
    Sum::default().word(field).word(!whole).word(segment)
}
