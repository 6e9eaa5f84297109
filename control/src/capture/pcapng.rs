//! How are frames written to a file, and read back?
//!
//! As pcapng (draft-ietf-opsawg-pcapng), in one section, little-endian:
//!
//! | block | what it has |
//! |---|---|
//! | section header | the program's name and version |
//! | interface description | one for each name of a port: name, nanoseconds, the filter |
//! | enhanced packet | time, the whole frame, direction, a comment |
//! | interface statistics | how many frames of the interface were missed so far |
//!
//! A port that comes later has its description before its first frame; so has one that got the number of
//! another, which stays as it was told. Statistics come whenever they have changed, for an interface whose
//! port is gone when its number is another's, and for all others at the end: a file that breaks off has the
//! newest ones.

use dataplane::capture::Sighting;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;
const MAGIC: u32 = 0x1a2b_3c4d;
const ETHERNET: u16 = 1;

/// Options; a code has its meaning in one kind of block alone.
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const COMMENT: u16 = 1;
    pub(super) const IF_NAME: u16 = 2;
    pub(super) const EPB_FLAGS: u16 = 2;
    pub(super) const USER_APPLICATION: u16 = 4;
    pub(super) const IF_DROP: u16 = 5;
    pub(super) const TIME_RESOLUTION: u16 = 9;
    pub(super) const FILTER: u16 = 11;
}

/// Ten to the minus ninth of a second.
const NANOSECONDS: u8 = 9;

/// Longest block that is read: the longest frame and more words than there are.
pub const MAX_BLOCK: usize = 1 << 17;

/// Appends the head of a section.
pub fn begin(to: &mut Vec<u8>) {
    let version = concat!("udp-bridge ", env!("CARGO_PKG_VERSION"));
    block(SECTION, to, |to| {
        to.extend(MAGIC.to_le_bytes());
        // Version 1.0, of unknown length.
        to.extend([1, 0, 0, 0]);
        to.extend((-1_i64).to_le_bytes());
        options(to, &[(option::USER_APPLICATION, version.as_bytes())]);
    });
}

/// Appends one more interface; they are numbered from 0 on.
pub fn interface(name: &str, filter: &str, to: &mut Vec<u8>) {
    // A zero byte says that the filter is text for libpcap.
    let filter = [&[0], filter.as_bytes()].concat();
    block(INTERFACE, to, |to| {
        to.extend(ETHERNET.to_le_bytes());
        to.extend([0; 2]);
        // No frame is cut.
        to.extend(0_u32.to_le_bytes());
        let name = (option::IF_NAME, name.as_bytes());
        let resolution = (option::TIME_RESOLUTION, &[NANOSECONDS][..]);
        match filter.len() {
            1 => options(to, &[name, resolution]),
            _ => options(to, &[name, resolution, (option::FILTER, &filter)]),
        }
    });
}

/// Appends a frame of an interface, with a comment.
pub fn packet(interface: u32, sighting: &Sighting, frame: &[u8], comment: &str, to: &mut Vec<u8>) {
    // Direction: 1 in, 2 out.
    let flags: u32 = if sighting.seen.is_outbound() { 2 } else { 1 };
    block(PACKET, to, |to| {
        to.extend(interface.to_le_bytes());
        to.extend(stamp(sighting.stamp));
        // A frame is 64 KiB and some bytes at most.
        let length = frame.len() as u32;
        to.extend(length.to_le_bytes());
        to.extend(length.to_le_bytes());
        padded(frame, to);
        let flags = flags.to_le_bytes();
        options(to, &[(option::EPB_FLAGS, &flags), (option::COMMENT, comment.as_bytes())]);
    });
}

/// Appends how many frames of an interface were missed so far.
pub fn statistics(interface: u32, at: u64, missed: u64, to: &mut Vec<u8>) {
    block(STATISTICS, to, |to| {
        to.extend(interface.to_le_bytes());
        to.extend(stamp(at));
        options(to, &[(option::IF_DROP, &missed.to_le_bytes())]);
    });
}

fn block(kind: u32, to: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend(kind.to_le_bytes());
    to.extend([0; 4]);
    body(to);
    // A block is the longest frame and its words at most.
    let length = ((to.len() - start + 4) as u32).to_le_bytes();
    to.extend(length);
    to[start + 4..start + 8].copy_from_slice(&length);
}

/// The upper half of a time comes first.
fn stamp(nanos: u64) -> [u8; 8] {
    nanos.rotate_left(32).to_le_bytes()
}

fn options(to: &mut Vec<u8>, options: &[(u16, &[u8])]) {
    for (code, value) in options {
        to.extend(code.to_le_bytes());
        // Words of ours, a name, a filter: far below 64 KiB.
        to.extend((value.len() as u16).to_le_bytes());
        padded(value, to);
    }
    to.extend(option::END.to_le_bytes());
    to.extend([0; 2]);
}

/// Appends bytes, and zeroes up to a multiple of four.
fn padded(bytes: &[u8], to: &mut Vec<u8>) {
    to.extend(bytes);
    to.extend(&[0; 3][..bytes.len().wrapping_neg() % 4]);
}

/// What a block says, as far as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block<'b> {
    /// An interface of this name; they are numbered in their order.
    Interface(&'b str),
    /// A frame.
    Packet {
        /// The number of its interface.
        interface: usize,
        /// Nanoseconds since 1970.
        stamp: u64,
        /// Was it on its way out?
        outbound: bool,
        /// The frame from its Ethernet header on.
        frame: &'b [u8],
        /// What happened to it.
        comment: &'b str,
    },
    /// So many frames of this interface were missed so far.
    Missed(usize, u64),
    /// Something else.
    Other,
}

/// What was read is not as [`begin`] and the others write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what comes is no pcapng as udp-bridge writes it; is another version running?")]
pub struct Malformed;

/// Length in bytes of the block that begins here, once its length can be read.
///
/// # Errors
/// [`Malformed`] for a length that no block has.
pub fn length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(length) = u32_at(bytes, 4) else { return Ok(None) };
    let length = length as usize;
    let sound = (12..=MAX_BLOCK).contains(&length) && length.is_multiple_of(4);
    if sound { Ok(Some(length)) } else { Err(Malformed) }
}

/// Reads one block of the length that [`length()`] says.
///
/// # Errors
/// [`Malformed`].
pub fn read(block: &[u8]) -> Result<Block<'_>, Malformed> {
    let body = block.get(8..block.len().saturating_sub(4)).ok_or(Malformed)?;
    let number = |at| u32_at(body, at).ok_or(Malformed);
    match u32_at(block, 0) {
        Some(INTERFACE) => {
            let name = find(body.get(8..), option::IF_NAME).unwrap_or_default();
            Ok(Block::Interface(text(name)?))
        }
        Some(PACKET) => {
            let length = number(12)? as usize;
            let frame = body.get(20..).and_then(|rest| rest.get(..length)).ok_or(Malformed)?;
            let after = body.get(20 + length.next_multiple_of(4)..);
            let flags = find(after, option::EPB_FLAGS).unwrap_or_default();
            Ok(Block::Packet {
                interface: number(0)? as usize,
                stamp: u64::from(number(4)?) << 32 | u64::from(number(8)?),
                outbound: flags.first().is_some_and(|flags| flags & 3 == 2),
                frame,
                comment: text(find(after, option::COMMENT).unwrap_or_default())?,
            })
        }
        Some(STATISTICS) => {
            let missed = find(body.get(12..), option::IF_DROP).and_then(<[u8]>::first_chunk);
            let missed = u64::from_le_bytes(*missed.ok_or(Malformed)?);
            Ok(Block::Missed(number(0)? as usize, missed))
        }
        Some(_) => Ok(Block::Other),
        None => Err(Malformed),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed)
}

/// The value of an option, if it is there.
fn find(options: Option<&[u8]>, wanted: u16) -> Option<&[u8]> {
    let mut rest = options?;
    loop {
        let &[a, b, c, d] = rest.first_chunk()?;
        let (code, length) = (u16::from_le_bytes([a, b]), usize::from(u16::from_le_bytes([c, d])));
        match code {
            option::END => return None,
            _ if code == wanted => return rest.get(4..4 + length),
            _ => rest = rest.get(4 + length.next_multiple_of(4)..)?,
        }
    }
}

#[cfg(test)]
#[path = "pcapng_tests.rs"]
mod tests;
