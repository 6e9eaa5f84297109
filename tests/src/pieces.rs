//! What senders leave undone, and what they cut: partial checksums, super-frames, fragments.

use dataplane::wire::checksum::pseudo_header;
use dataplane::wire::vnet::{NEEDS_CSUM, VnetHeader, gso};
use zerocopy::IntoBytes;

const ETHERNET: usize = 14;

/// Where the layer-4 header of a whole TCP or UDP packet without options is, and its protocol.
fn transport(frame: &[u8]) -> (usize, u8) {
    match frame[12..14] {
        [0x08, 0x00] => (ETHERNET + 20, frame[ETHERNET + 9]),
        _ => (ETHERNET + 40, frame[ETHERNET + 6]),
    }
}

/// A virtio header and the frame, its checksum left to others; a super-frame if `segment`, the
/// payload of each in bytes, is above 0.
pub fn unfinished(mut frame: Vec<u8>, segment: u16) -> Vec<u8> {
    let (at, protocol) = transport(&frame);
    let v4 = at == ETHERNET + 20;
    let addresses = ETHERNET + if v4 { 12 } else { 8 };
    let (offset, headers) =
        if protocol == 6 { (16, at + usize::from(frame[at + 12] >> 4) * 4) } else { (6, at + 8) };
    let length = (frame.len() - at) as u32;
    let sum = pseudo_header(&frame[addresses..at], protocol, length).folded();
    frame[at + offset..at + offset + 2].copy_from_slice(&sum.to_be_bytes());
    let gso_type = match (segment, protocol, v4) {
        (0, ..) => gso::NONE,
        (_, 6, true) => gso::TCPV4,
        (_, 6, false) => gso::TCPV6,
        _ => gso::UDP_L4,
    };
    let header = VnetHeader {
        flags: NEEDS_CSUM,
        gso_type,
        hdr_len: (headers as u16).into(),
        gso_size: segment.into(),
        csum_start: (at as u16).into(),
        csum_offset: (offset as u16).into(),
    };
    [header.as_bytes(), &frame].concat()
}

/// The packet of a frame in fragments of `size` bytes of payload each, a multiple of 8.
pub fn fragments(frame: &[u8], size: usize, id: u16) -> Vec<Vec<u8>> {
    let (at, protocol) = transport(frame);
    let pieces = frame[at..].chunks(size);
    let last = pieces.len() - 1;
    let piece = |(n, payload): (usize, &[u8])| {
        let place = (n * size) as u16 | if at == ETHERNET + 20 { 0 } else { u16::from(n < last) };
        let mut header = frame[..at].to_vec();
        if at == ETHERNET + 20 {
            let length = (20 + payload.len()) as u16;
            let more = if n < last { 0x2000 } else { 0 };
            header[16..18].copy_from_slice(&length.to_be_bytes());
            header[18..20].copy_from_slice(&id.to_be_bytes());
            header[20..22].copy_from_slice(&((place / 8) | more).to_be_bytes());
            finish(&mut header[ETHERNET..]);
        } else {
            let length = (8 + payload.len()) as u16;
            header[18..20].copy_from_slice(&length.to_be_bytes());
            header[20] = 44;
            header.extend([protocol, 0]);
            header.extend(place.to_be_bytes());
            header.extend([0, 0]);
            header.extend(id.to_be_bytes());
        }
        [&header, payload].concat()
    };
    pieces.enumerate().map(piece).collect()
}

/// The packet that fragments are of, in any order, as one frame. Panics if one is missing.
pub fn whole(fragments: &[Vec<u8>]) -> Vec<u8> {
    let v4 = fragments[0][12..14] == [0x08, 0x00];
    let at = ETHERNET + if v4 { 20 } else { 48 };
    let place = |frame: &Vec<u8>| {
        let field = if v4 { &frame[20..22] } else { &frame[56..58] };
        let field = u16::from_be_bytes([field[0], field[1]]);
        if v4 { usize::from(field & 0x1fff) * 8 } else { usize::from(field & 0xfff8) }
    };
    let mut sorted: Vec<_> = fragments.iter().collect();
    sorted.sort_by_key(|frame| place(frame));
    let mut frame = sorted[0][..ETHERNET + if v4 { 20 } else { 40 }].to_vec();
    let headers = frame.len();
    for piece in sorted {
        assert_eq!(frame.len() - headers, place(piece), "a fragment is missing");
        frame.extend(&piece[at..]);
    }
    if v4 {
        let length = (frame.len() - ETHERNET) as u16;
        frame[16..18].copy_from_slice(&length.to_be_bytes());
        frame[20..22].fill(0);
        finish(&mut frame[ETHERNET..ETHERNET + 20]);
    } else {
        let length = (frame.len() - headers) as u16;
        frame[18..20].copy_from_slice(&length.to_be_bytes());
        frame[20] = fragments[0][54];
    }
    frame
}

/// Writes the checksum of an IPv4 header.
fn finish(header: &mut [u8]) {
    header[10..12].fill(0);
    let mut sum: u32 =
        header.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = !(sum as u16);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// The frame of a virtio header and a frame whose checksum was left undone: summed up as a network
/// card would. Panics if the header asks for nothing.
pub fn finished(bytes: &[u8]) -> Vec<u8> {
    let word = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    assert_eq!(bytes[0], NEEDS_CSUM);
    let (start, field) = (word(6), word(6) + word(8));
    let mut frame = bytes[10..].to_vec();
    let mut sum: u32 = 0;
    for pair in frame[start..].chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = match !(sum as u16) {
        // UDP's way to say that it is zero; of TCP it means the same.
        0 => 0xffff,
        checksum => checksum,
    };
    frame[field..field + 2].copy_from_slice(&checksum.to_be_bytes());
    frame
}
