//! What does a TCP segment say that a tracker needs?
//!
//! A super-frame is one segment here, of its whole payload. Of the options three matter: window
//! scale, SACK permitted, and the blocks of SACK. What is behind a malformed option is not read.
//!
//! Sources: RFC 9293 (header), RFC 7323 (window scale), RFC 2018 (SACK),
//! `net/netfilter/nf_conntrack_proto_tcp.c` (which combinations of flags are sound).

use crate::wire::tcp::{self, TcpHeader, flag};

/// Highest window scale there may be (RFC 7323 section 2.3); a higher one means this.
pub const MAX_SCALE: u8 = 14;

/// Options: end of list, no operation, window scale, SACK permitted, SACK.
const END: u8 = 0;
const NOP: u8 = 1;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
/// Length of a SACK block: its two edges.
const SACK_BLOCK_LEN: usize = 8;

/// How the options begin if there is but a timestamp, as nearly all segments have it: twice no
/// operation, then kind 8 and length 10 (RFC 7323 appendix A).
const TIMESTAMP_ALONE: [u8; 4] = [NOP, NOP, 8, 10];
/// How long they are then.
const TIMESTAMP_ALONE_LEN: usize = 12;

/// The flags of which only some combinations are sound. The others may be set at any time.
const JUDGED: u8 = flag::FIN | flag::SYN | flag::RST | flag::ACK | flag::URG;

/// The sound combinations: bit `n` is set if the flags `n` may come together.
const SOUND: u64 = 1 << flag::SYN
    | 1 << (flag::SYN | flag::URG)
    | 1 << (flag::SYN | flag::ACK)
    | 1 << flag::RST
    | 1 << (flag::RST | flag::ACK)
    | 1 << (flag::FIN | flag::ACK)
    | 1 << (flag::FIN | flag::ACK | flag::URG)
    | 1 << flag::ACK
    | 1 << (flag::ACK | flag::URG);

/// A segment, as far as the tracker cares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Number of the first byte, or of the SYN.
    pub sequence: u32,
    /// Next byte expected from the other side, if the ACK flag is set.
    pub acknowledgment: u32,
    /// Receive window, unscaled.
    pub window: u16,
    /// The flags ([`flag`]).
    pub flags: u8,
    /// Length of the payload in bytes.
    pub payload: u32,
    /// The window scale option, at most [`MAX_SCALE`].
    pub window_scale: Option<u8>,
    /// The SACK permitted option.
    pub sack_permitted: bool,
    /// The highest right edge of the SACK blocks, if it is above the acknowledgment.
    pub highest_sack: Option<u32>,
}

/// What a segment does to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SegmentKind {
    /// SYN alone.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// FIN.
    Fin,
    /// ACK, and neither of the others.
    Ack,
    /// RST.
    Reset,
}

impl SegmentKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Syn, Self::SynAck, Self::Fin, Self::Ack, Self::Reset];
}

impl Segment {
    /// The segment of a TCP header with its options and so many bytes of payload; `None` if the
    /// header is cut off or says so of itself.
    #[inline]
    pub fn read(header: &[u8], payload: u32) -> Option<Self> {
        let fixed = TcpHeader::parse(header).ok()?;
        let options = header.get(tcp::HEADER_LEN..fixed.header_len()).unwrap_or_default();
        let mut segment = Self {
            sequence: fixed.sequence.get(),
            acknowledgment: fixed.acknowledgment.get(),
            window: fixed.window.get(),
            flags: fixed.flags,
            payload,
            ..Self::default()
        };
        let plain = options.is_empty()
            || (options.len() == TIMESTAMP_ALONE_LEN && options.starts_with(&TIMESTAMP_ALONE));
        if !plain {
            segment.read_options(options);
        }
        Some(segment)
    }

    #[cold]
    fn read_options(&mut self, mut options: &[u8]) {
        while let [kind, rest @ ..] = options {
            match *kind {
                END => return,
                NOP => options = rest,
                kind => {
                    let Some(length) = rest.first().map(|&length| usize::from(length)) else {
                        return;
                    };
                    let Some(value) = options.get(2..length) else { return };
                    self.read_option(kind, value);
                    options = &options[length..];
                }
            }
        }
    }

    fn read_option(&mut self, kind: u8, value: &[u8]) {
        match (kind, value) {
            (WINDOW_SCALE, &[scale]) => self.window_scale = Some(scale.min(MAX_SCALE)),
            (SACK_PERMITTED, []) => self.sack_permitted = true,
            (SACK, blocks) if blocks.len() % SACK_BLOCK_LEN == 0 => {
                for block in blocks.chunks_exact(SACK_BLOCK_LEN) {
                    let edge = u32::from_be_bytes([block[4], block[5], block[6], block[7]]);
                    if is_after(edge, self.sack()) {
                        self.highest_sack = Some(edge);
                    }
                }
            }
            _ => {}
        }
    }

    /// What it does; `None` for flags that cannot come together, or none of them.
    #[inline]
    pub fn kind(&self) -> Option<SegmentKind> {
        if SOUND & 1 << (self.flags & JUDGED) == 0 {
            return None;
        }
        Some(if self.has(flag::RST) {
            SegmentKind::Reset
        } else if self.has(flag::SYN) {
            if self.has(flag::ACK) { SegmentKind::SynAck } else { SegmentKind::Syn }
        } else if self.has(flag::FIN) {
            SegmentKind::Fin
        } else {
            SegmentKind::Ack
        })
    }

    /// Is one of these flags set?
    #[inline]
    pub fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// The number behind its last byte; SYN and FIN count as one byte each.
    #[inline]
    pub fn end(&self) -> u32 {
        let controls = u32::from(self.has(flag::SYN)) + u32::from(self.has(flag::FIN));
        self.sequence.wrapping_add(self.payload).wrapping_add(controls)
    }

    /// The highest byte that it acknowledges, selectively or not.
    #[inline]
    pub fn sack(&self) -> u32 {
        self.highest_sack.unwrap_or(self.acknowledgment)
    }
}

/// Is the number `a` before `b`, on the circle of sequence numbers?
#[inline]
pub(super) fn is_before(a: u32, b: u32) -> bool {
    // The difference's upper bit is its sign.
    (a.wrapping_sub(b) as i32) < 0
}

/// Is the number `a` after `b`, on the circle of sequence numbers?
#[inline]
pub(super) fn is_after(a: u32, b: u32) -> bool {
    is_before(b, a)
}
