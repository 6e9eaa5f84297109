//! What do the frames of tests and benchmarks look like?
//!
//! Built by etherparse, not by the code under test.
#![allow(clippy::expect_used, reason = "a test that cannot build its packets has failed")]

use dataplane::wire::checksum::pseudo_header;
use dataplane::wire::ethernet::MacAddr;
use dataplane::wire::vnet::{NEEDS_CSUM, VnetHeader, gso};
use etherparse::PacketBuilder;
use zerocopy::IntoBytes;

/// Length of an Ethernet header in bytes.
pub const ETHERNET: usize = 14;

/// A local experimental EtherType (IEEE 802, 9.2.3): nothing looks into such a frame.
const EXPERIMENTAL: [u8; 2] = [0x88, 0xb5];

const V4: [[u8; 4]; 2] = [[10, 0, 0, 1], [10, 0, 0, 2]];
const V6: [[u8; 16]; 2] = [[0xfd; 16], [0xfc; 16]];

/// A frame of `length` bytes, at least 14, that is no IP packet.
pub fn plain(to: MacAddr, from: MacAddr, length: usize) -> Vec<u8> {
    let mut frame = [&to.0[..], &from.0, &EXPERIMENTAL].concat();
    frame.resize(length.max(ETHERNET), 0);
    frame
}

/// What a packet is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TCP over IPv4, 40 bytes of headers.
    TcpV4,
    /// TCP over IPv6, 60 bytes of headers.
    TcpV6,
    /// UDP over IPv4, 28 bytes of headers.
    UdpV4,
    /// UDP over IPv6, 48 bytes of headers.
    UdpV6,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::TcpV4, Self::TcpV6, Self::UdpV4, Self::UdpV6];

    fn is_v6(self) -> bool {
        matches!(self, Self::TcpV6 | Self::UdpV6)
    }

    fn is_tcp(self) -> bool {
        matches!(self, Self::TcpV4 | Self::TcpV6)
    }

    /// Offset of the TCP or UDP header.
    pub fn transport(self) -> usize {
        ETHERNET + if self.is_v6() { 40 } else { 20 }
    }

    /// Length of all headers in bytes.
    pub fn headers(self) -> usize {
        self.transport() + if self.is_tcp() { 20 } else { 8 }
    }

    /// Offset of the checksum in the TCP or UDP header.
    pub fn checksum_offset(self) -> usize {
        if self.is_tcp() { 16 } else { 6 }
    }

    /// The complete frame.
    pub fn frame(self, to: MacAddr, from: MacAddr, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        let ethernet = PacketBuilder::ethernet2(from.0, to.0);
        let ip = if self.is_v6() {
            ethernet.ipv6(V6[0], V6[1], 64)
        } else {
            ethernet.ipv4(V4[0], V4[1], 64)
        };
        let written = if self.is_tcp() {
            ip.tcp(1000, 2000, 1, 500).ack(1).psh().write(&mut frame, payload)
        } else {
            ip.udp(1000, 2000).write(&mut frame, payload)
        };
        written.expect("the payload fits one packet");
        frame
    }

    /// A virtio header and the frame as a sender with offloads hands it over: its checksum is the
    /// pseudo-header's alone, and with a `gso_size` above 0 it is a super-frame.
    pub fn offloaded(self, to: MacAddr, from: MacAddr, payload: &[u8], gso_size: u16) -> Vec<u8> {
        let mut frame = self.frame(to, from, payload);
        let transport = self.transport();
        let addresses = ETHERNET + if self.is_v6() { 8 } else { 12 };
        let protocol = if self.is_tcp() { 6 } else { 17 };
        let length = (frame.len() - transport) as u32;
        let sum = pseudo_header(&frame[addresses..transport], protocol, length).folded();
        let at = transport + self.checksum_offset();
        frame[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        let header = VnetHeader {
            flags: NEEDS_CSUM,
            gso_type: if gso_size == 0 { gso::NONE } else { self.gso_type() },
            hdr_len: (self.headers() as u16).into(),
            gso_size: gso_size.into(),
            csum_start: (transport as u16).into(),
            csum_offset: (self.checksum_offset() as u16).into(),
        };
        [header.as_bytes(), &frame].concat()
    }

    fn gso_type(self) -> u8 {
        match self {
            Self::TcpV4 => gso::TCPV4,
            Self::TcpV6 => gso::TCPV6,
            Self::UdpV4 | Self::UdpV6 => gso::UDP_L4,
        }
    }
}
