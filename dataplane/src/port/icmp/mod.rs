//! Which ICMP messages does the host get, that may be about the network's flows?
//!
//! The routed uplink's policy rules bring TCP and UDP to us, but not ICMP. Raw sockets do: the kernel
//! gives them a copy of each message that it delivers locally, whether it came from outside or the
//! host's own forwarding made it. An [`IcmpPort`] turns each into a frame, as if the host had sent it
//! to the uplink's next hop. The kernel keeps the message too, so what is about none of our flows may
//! be dropped here.
//!
//! ```text
//!  outside ──> U ──┐                                         ┌─> ping and others of the host
//!                  ├─> local delivery ── raw socket, filter ─┤
//!  host's own ─────┘                                         └─> IcmpPort ──> frame
//! ```
//!
//! What passes the filter: replies to queries, and errors. Requests are the host's to answer, and so
//! is neighbour discovery. ICMP comes with its IP header as it was on the wire, or as reassembly made
//! it. ICMPv6 comes without, so its header is rebuilt: traffic class and flow label are zero then, and
//! extension headers are gone.
//!
//! Messages that the socket has no room for are lost to us, not to the host; each counts as a frame
//! that could not be read, as soon as the next one comes. Nothing can be sent.
//!
//! The kernel puts fragments together before a raw socket sees them. What is larger than the network's
//! MTU then is cut again, see `pieces`.
//!
//! The hop limit is as it was on arrival: these messages were delivered, not forwarded to us.
//!
//! Source: raw(7), RFC 3542 3.2; `net/ipv4/raw.c`, `net/ipv6/raw.c`.
//! Known gaps: types of ICMP from 32 on pass the kernel's filter (all are obsolete but extended
//! echo, RFC 8335); the checksum of an ICMPv4 message is its receiver's to verify.

mod error;
mod pieces;
#[cfg(test)]
mod tests;

pub use error::IcmpError;

use self::pieces::Pieces;
use super::sys::icmp as sys;
use super::{Offloads, Port, Received};
use crate::frame::FrameBuffer;
use crate::outcome::DropReason;
use crate::wire::ethernet::{self, EthernetHeader, MacAddr, ethertype};
use crate::wire::icmp::{PROTOCOL_V6, v4, v6};
use crate::wire::ipv6::{self, Ipv6Header};
use crate::wire::vnet;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use zerocopy::IntoBytes;

/// Bytes of kernel memory for messages that wait, bookkeeping included. Most messages take 768 of
/// them or 1,280, so that more than a TAP's ring (1,000) fit: a message that would have come through
/// a TAP does not die here.
pub const RECEIVE_BUFFER: i32 = 2 << 20;

/// Most messages that can wait in a socket's buffer of the usual size (`net.core.rmem_default`, some
/// 200 KiB), of which each takes at least 512 bytes.
const MOST_DRAINED: usize = 1024;

/// The types of ICMP that pass.
pub const PASSED_V4: [u8; 6] = [
    v4::ECHO_REPLY,
    v4::UNREACHABLE,
    v4::SOURCE_QUENCH,
    v4::TIME_EXCEEDED,
    v4::PARAMETER_PROBLEM,
    v4::TIMESTAMP_REPLY,
];

/// The types of ICMPv6 that pass.
pub const PASSED_V6: [u8; 5] =
    [v6::UNREACHABLE, v6::TOO_BIG, v6::TIME_EXCEEDED, v6::PARAMETER_PROBLEM, v6::ECHO_REPLY];

/// Where in the buffer the IP packet begins.
const PACKET: usize = vnet::HEADER_LEN + ethernet::HEADER_LEN;

/// The ICMP or ICMPv6 messages that the host receives, as frames.
///
/// It only receives. A switch must not flood to it.
#[derive(Debug)]
pub struct IcmpPort {
    socket: OwnedFd,
    ethernet: EthernetHeader,
    /// Lost messages as the kernel counts them; wraps.
    lost: u32,
    /// How many of them were told as unreadable frames; wraps.
    told: u32,
    /// The largest packet that it hands out, in bytes.
    mtu: usize,
    /// What is left of a message that was larger.
    pieces: Option<Pieces>,
    /// How many messages were cut; wraps.
    cut: u32,
}

impl IcmpPort {
    /// ICMP of the calling thread's network namespace, in frames with these MACs: the host TAP's as
    /// source, the next hop's as destination.
    ///
    /// # Errors
    /// [`IcmpError`] says which step failed; the first needs `CAP_NET_RAW`.
    pub fn open_v4(source: MacAddr, destination: MacAddr) -> Result<Self, IcmpError> {
        let protocol = "ICMP";
        let socket = sys::socket_v4().map_err(|error| IcmpError::socket(protocol, error))?;
        sys::pass_only_v4(socket.as_fd(), &PASSED_V4)
            .map_err(|source| IcmpError::Filter { protocol, source })?;
        let header = EthernetHeader { destination, source, ethertype: ethertype::IPV4.into() };
        Self::finish(protocol, socket, header)
    }

    /// The same for ICMPv6.
    ///
    /// # Errors
    /// As of [`Self::open_v4`]; the first step also where the kernel has no IPv6.
    pub fn open_v6(source: MacAddr, destination: MacAddr) -> Result<Self, IcmpError> {
        let protocol = "ICMPv6";
        let socket = sys::socket_v6().map_err(|error| IcmpError::socket(protocol, error))?;
        sys::pass_only_v6(socket.as_fd(), &PASSED_V6)
            .map_err(|source| IcmpError::Filter { protocol, source })?;
        sys::tell_addressing(socket.as_fd())
            .map_err(|source| IcmpError::Telling { protocol, source })?;
        let header = EthernetHeader { destination, source, ethertype: ethertype::IPV6.into() };
        Self::finish(protocol, socket, header)
    }

    /// Hands out no packet of more than so many bytes: what is larger comes in fragments.
    #[must_use]
    pub fn with_mtu(self, mtu: u16) -> Self {
        Self { mtu: mtu.into(), ..self }
    }

    fn finish(
        protocol: &'static str,
        socket: OwnedFd,
        ethernet: EthernetHeader,
    ) -> Result<Self, IcmpError> {
        drain(&socket);
        sys::tell_lost(socket.as_fd()).map_err(|source| IcmpError::Telling { protocol, source })?;
        sys::set_receive_buffer(socket.as_fd(), RECEIVE_BUFFER)
            .map_err(|source| IcmpError::Buffer { protocol, source })?;
        Ok(Self::new(socket, ethernet))
    }

    fn new(socket: OwnedFd, ethernet: EthernetHeader) -> Self {
        Self { socket, ethernet, lost: 0, told: 0, mtu: usize::MAX, pieces: None, cut: 0 }
    }

    /// The frame in `space` if it is no larger than it may be, or its first fragment.
    fn fit(&mut self, length: usize, space: &mut [u8]) -> usize {
        self.pieces = Pieces::of(&space[PACKET..length], self.mtu, self.cut);
        if self.pieces.is_none() {
            return length;
        }
        self.cut = self.cut.wrapping_add(1);
        self.next_piece(space).unwrap_or(length)
    }

    /// The next fragment of a message that is being cut, if one is.
    fn next_piece(&mut self, space: &mut [u8]) -> Option<usize> {
        let Some(length) = self.pieces.as_mut()?.next(&mut space[PACKET..]) else {
            self.pieces = None;
            return None;
        };
        self.write_ethernet(space)?;
        Some(PACKET + length)
    }

    /// Writes what stands before the packet: nothing is left undone, and the MACs.
    fn write_ethernet(&self, space: &mut [u8]) -> Option<()> {
        let (plain, rest) = space.split_at_mut_checked(vnet::HEADER_LEN)?;
        plain.fill(0);
        rest.get_mut(..ethernet::HEADER_LEN)?.copy_from_slice(self.ethernet.as_bytes());
        Some(())
    }

    /// Writes what stands before the message's bytes, which were read to where they belong. Returns
    /// the length of it all; `None` for a message that was cut or lacks what its header needs.
    fn frame(&self, message: &sys::Message, space: &mut [u8]) -> Option<usize> {
        if message.cut {
            return None;
        }
        let mut before = 0;
        if self.ethernet.ethertype == ethertype::IPV6 {
            let header = ipv6_header(message)?;
            before = ipv6::HEADER_LEN;
            space.get_mut(PACKET..PACKET + before)?.copy_from_slice(header.as_bytes());
        }
        self.write_ethernet(space)?;
        Some(PACKET + before + message.length)
    }
}

/// Throws away what came before the filter was there, which is not what we want.
fn drain(socket: &OwnedFd) {
    let mut byte = [0; 1];
    let _ = (0..MOST_DRAINED).find(|_| sys::receive(socket.as_fd(), &mut byte).is_err());
}

/// The IPv6 header that the kernel took off.
fn ipv6_header(message: &sys::Message) -> Option<Ipv6Header> {
    Some(Ipv6Header {
        version_class_label: (6 << 28).into(),
        payload_length: u16::try_from(message.length).ok()?.into(),
        next_header: PROTOCOL_V6,
        hop_limit: message.hop_limit?,
        source: message.source?.octets(),
        destination: message.destination?.octets(),
    })
}

impl Port for IcmpPort {
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        if let Some(length) = self.next_piece(buffer.space()) {
            return Received::Frame(length);
        }
        if self.told != self.lost {
            self.told = self.told.wrapping_add(1);
            return Received::Unreadable;
        }
        let space = buffer.space();
        let at = match self.ethernet.ethertype.get() {
            ethertype::IPV6 => PACKET + ipv6::HEADER_LEN,
            _ => PACKET,
        };
        match sys::receive(self.socket.as_fd(), &mut space[at..]) {
            Ok(message) => {
                // The kernel leaves the count out while it is zero.
                if message.lost != 0 {
                    self.lost = message.lost;
                }
                match self.frame(&message, space) {
                    Some(length) => Received::Frame(self.fit(length, space)),
                    None => Received::Unreadable,
                }
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::EINTR) => Received::Interrupted,
                // Passing, as `ENOBUFS`: the poller, which is asked next, speaks up if there is more.
                Some(libc::EAGAIN | libc::ENOMEM | libc::ENOBUFS) => Received::Empty,
                _ => Received::Gone,
            },
        }
    }

    /// Refuses: the host's ICMP is the host's to send.
    fn send(&mut self, _: &[u8]) -> Result<(), DropReason> {
        Err(DropReason::EgressRefused)
    }

    fn offloads(&self) -> Offloads {
        Offloads::NONE
    }

    fn set_mtu(&mut self, mtu: u16) {
        self.mtu = mtu.into();
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.socket.as_raw_fd())
    }
}
