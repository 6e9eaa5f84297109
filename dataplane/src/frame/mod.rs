//! What is this one frame in flight?
//!
//! ```text
//!  FrameBuffer
//!  ┌─────────────┬──────────┬────────────┬───────────┬─────────────────┐
//!  │ virtio (10) │ Ethernet │ IPv4, IPv6 │ TCP, UDP  │ payload         │
//!  └─────────────┴──────────┴────────────┴───────────┴─────────────────┘
//!                0          network      transport   payload           offsets of the Layout
//! ```
//!
//! A frame is parsed once, by [`Frame::parse`], which refuses what Ethernet, IP or the virtio header
//! do not allow. It stays where it was read: the same bytes, virtio header included, are written out.
//! Work for ports that cannot take it as it is: [`segment`] cuts super-frames, [`complete`] finishes
//! checksums. Whose packet it carries, [`Frame::subject`] tells.
//!
//! Known gaps: IPv6 jumbograms (RFC 2675) are not looked into; an 802.1Q tag is passed, not stripped.

pub mod complete;
mod cost;
mod layout;
mod offload;
mod offloads;
pub mod segment;
#[cfg(test)]
mod tests;
mod tuple;

pub use cost::Cost;
pub use layout::{Layout, MAX_TAGS, Network, Piece, Transport};
pub use offload::Super;
pub use offloads::Offloads;
pub use tuple::Subject;
pub(crate) use tuple::inner;

use crate::outcome::{DropReason, PortId, QueueId};
use crate::wire::ethernet::{self, MacAddr};
use crate::wire::vnet::{self, VnetHeader};
use zerocopy::{FromBytes, IntoBytes};

/// Longest frame in bytes: an IP packet of 65,535 bytes behind an Ethernet header and two tags.
pub const MAX_FRAME_LEN: usize = u16::MAX as usize + ethernet::HEADER_LEN + 2 * ethernet::TAG_LEN;

/// Room for the longest frame with its virtio header, and one byte more: a read that fills it was cut.
pub const BUFFER_LEN: usize = vnet::HEADER_LEN + MAX_FRAME_LEN + 1;

/// The memory that a frame is read into. One of them is enough for an engine: it stays in the cache.
#[derive(Debug)]
pub struct FrameBuffer(Box<[u8]>);

impl FrameBuffer {
    /// An empty buffer of [`BUFFER_LEN`] bytes.
    pub fn new() -> Self {
        Self(vec![0; BUFFER_LEN].into_boxed_slice())
    }

    /// Where to read to: room for a virtio header and the frame behind it.
    #[inline]
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// The first `length` bytes: what was read.
    #[inline]
    pub fn filled(&mut self, length: usize) -> &mut [u8] {
        let length = length.min(self.0.len());
        &mut self.0[..length]
    }
}

impl Default for FrameBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// A frame whose headers have been proven consistent.
#[derive(Debug)]
pub struct Frame<'b> {
    ingress: PortId,
    queue: QueueId,
    bytes: &'b mut [u8],
    layout: Layout,
    offload: VnetHeader,
}

impl<'b> Frame<'b> {
    /// Parses a virtio header and the frame behind it, once and for all.
    ///
    /// The virtio header is rewritten in place into what may be passed on: flags we know, and the
    /// true length of the headers (a 0 there costs the kernel a contiguous allocation of 64 KiB).
    ///
    /// # Errors
    /// The [`DropReason`] of the first thing that is wrong. Never panics, whatever the bytes.
    #[inline]
    pub fn parse(ingress: PortId, bytes: &'b mut [u8]) -> Result<Self, DropReason> {
        Self::parse_on(QueueId::FIRST, ingress, bytes)
    }

    /// The same of a frame that came by this queue of the port.
    ///
    /// # Errors
    /// As of [`Self::parse`].
    #[inline]
    pub fn parse_on(
        queue: QueueId,
        ingress: PortId,
        bytes: &'b mut [u8],
    ) -> Result<Self, DropReason> {
        if bytes.len() >= BUFFER_LEN {
            return Err(DropReason::OversizedFrame);
        }
        let (header, frame) =
            VnetHeader::mut_from_prefix(bytes).map_err(|_| DropReason::ShortFrame)?;
        let layout = Layout::parse(frame)?;
        let offload = offload::check(header, &layout, frame)?;
        *header = offload;
        Ok(Self { ingress, queue, bytes, layout, offload })
    }

    /// Puts it on another queue.
    #[inline]
    pub fn put_on(&mut self, queue: QueueId) {
        self.queue = queue;
    }

    /// The queue it came by, and leaves by.
    #[inline]
    pub fn queue(&self) -> QueueId {
        self.queue
    }

    /// The port it came from.
    #[inline]
    pub fn ingress(&self) -> PortId {
        self.ingress
    }

    /// Whom it is for.
    #[inline]
    pub fn destination(&self) -> MacAddr {
        mac(self.ethernet(), 0)
    }

    /// Who sent it.
    #[inline]
    pub fn source(&self) -> MacAddr {
        mac(self.ethernet(), 6)
    }

    /// The frame from its Ethernet header on.
    #[inline]
    pub fn ethernet(&self) -> &[u8] {
        &self.bytes[vnet::HEADER_LEN..]
    }

    /// The virtio header and the frame: what is written to a port.
    #[inline]
    pub fn with_vnet_header(&self) -> &[u8] {
        self.bytes
    }

    /// The frame from its Ethernet header on, to be rewritten. Headers may change their values, never
    /// their place: the [`Layout`] stays true.
    #[inline]
    pub(crate) fn ethernet_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[vnet::HEADER_LEN..]
    }

    /// Readdresses the frame: from a router's interface to the next host.
    #[inline]
    pub fn readdress(&mut self, destination: MacAddr, source: MacAddr) {
        let frame = self.ethernet_mut();
        frame[..6].copy_from_slice(&destination.0);
        frame[6..12].copy_from_slice(&source.0);
    }

    /// The layer-3 packet, without padding.
    #[inline]
    pub fn packet(&self) -> &[u8] {
        &self.ethernet()[self.layout.network()..self.layout.end()]
    }

    /// Length in bytes from the Ethernet header on.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() - vnet::HEADER_LEN
    }

    /// Never: a parsed frame has an Ethernet header at least.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Where its headers are.
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What its sender left undone.
    #[inline]
    pub fn offload(&self) -> &VnetHeader {
        &self.offload
    }

    /// Where a partial checksum is to be completed, counted from the Ethernet header; `None` if the
    /// checksums are complete.
    #[inline]
    pub(crate) fn partial_checksum(&self) -> Option<usize> {
        let (start, offset) = (self.offload.csum_start.get(), self.offload.csum_offset.get());
        self.offload.needs_checksum().then(|| usize::from(start) + usize::from(offset))
    }

    /// How it is to be cut, if it is a super-frame.
    #[inline]
    pub fn super_frame(&self) -> Option<Super> {
        Super::of(&self.offload)
    }

    /// What a port must be able to take to get this frame as it is.
    #[inline]
    pub fn required_offloads(&self) -> Offloads {
        let mut required = Offloads::NONE;
        if self.offload.needs_checksum() {
            required = required.with(Offloads::CHECKSUM);
        }
        match self.super_frame() {
            None => required,
            Some(Super::TcpV4) => required.with(Offloads::TSO4).with(self.required_ecn()),
            Some(Super::TcpV6) => required.with(Offloads::TSO6).with(self.required_ecn()),
            Some(Super::Udp) => required.with(Offloads::USO),
        }
    }

    fn required_ecn(&self) -> Offloads {
        if self.offload.gso_type & vnet::gso::ECN != 0 { Offloads::TSO_ECN } else { Offloads::NONE }
    }

    /// Length in bytes of the largest layer-3 packet that this frame becomes: its own, or that of one
    /// segment. It is what an MTU limits; tags do not count.
    #[inline]
    pub fn largest_packet(&self) -> usize {
        let whole = self.len() - self.layout.network();
        if self.super_frame().is_none() {
            return whole;
        }
        let headers = self.layout.payload() - self.layout.network();
        whole.min(headers + usize::from(self.offload.gso_size.get()))
    }
}

/// The MAC at `at`, for frames whose Ethernet header is proven to be there.
#[inline]
fn mac(frame: &[u8], at: usize) -> MacAddr {
    let mut octets = [0; 6];
    octets.copy_from_slice(&frame[at..at + 6]);
    MacAddr(octets)
}

/// Builds the bytes that a port moves, a plain virtio header and the frame: for senders in memory.
pub fn with_plain_header(frame: &[u8]) -> Vec<u8> {
    [VnetHeader::default().as_bytes(), frame].concat()
}
