//! What is a frame made of before it is cut or completed?

use dataplane::wire::checksum::{Sum, pseudo_header};
use dataplane::wire::vnet::{self, VnetHeader, gso};
use proptest::prelude::*;
use udp_bridge_tests::host::traffic::random;
use zerocopy::IntoBytes;

/// Destination and source of all frames.
pub(super) const MACS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// What to build a frame of.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    v6: bool,
    tcp: bool,
    tagged: bool,
    /// IPv4 options or IPv6 destination options, in units of 8 bytes.
    ip_options: usize,
    /// TCP options in units of 4 bytes.
    tcp_options: usize,
    id: u16,
    dont_fragment: bool,
    sequence: u32,
    flags: u8,
    /// The virtio header's ECN bit.
    ecn: bool,
    ports: (u16, u16),
    payload: usize,
    seed: u64,
    /// 0 for a plain frame.
    gso_size: u16,
    /// Make the checksum's sum come out as zero.
    zero_sum: bool,
    /// Added to the pseudo-header's sum: the address of a destination that stands in a routing header.
    final_destination: u16,
}

/// Numbers near where they wrap around, and others.
fn near_wrap_u16() -> impl Strategy<Value = u16> {
    prop_oneof![any::<u16>(), 0xffe0..=0xffffu16, 0..4u16]
}

fn recipe(
    v6: bool,
    tcp: bool,
    size: impl Strategy<Value = (usize, u16)>,
) -> impl Strategy<Value = Recipe> {
    let ip = (0..3usize, near_wrap_u16(), any::<bool>(), prop::bool::weighted(0.2));
    let sequence = prop_oneof![any::<u32>(), 0xffff_0000..=u32::MAX];
    let transport = (0..=10usize, sequence, any::<u8>(), any::<bool>(), any::<(u16, u16)>());
    (ip, transport, size, any::<u64>()).prop_map(
        move |((ip_options, id, dont_fragment, tagged), tcp_fields, (payload, gso_size), seed)| {
            let (tcp_options, sequence, flags, ecn, ports) = tcp_fields;
            let size = usize::from(gso_size);
            let looks_like = payload + if tcp { tcp_options * 4 } else { 8 };
            // See the head of this file.
            let payload = if payload <= size && looks_like > size { size + 1 } else { payload };
            Recipe {
                v6,
                tcp,
                tagged,
                ip_options,
                tcp_options: if tcp { tcp_options } else { 0 },
                id,
                dont_fragment,
                sequence,
                flags,
                // The bit belongs to a frame with CWR.
                ecn: ecn && tcp && gso_size > 0 && flags & CWR != 0,
                ports,
                payload,
                seed,
                gso_size,
                zero_sum: false,
                final_destination: 0,
            }
        },
    )
}

pub(super) fn super_frames(v6: bool, tcp: bool) -> impl Strategy<Value = Recipe> {
    let sizes = (40..1400u16).prop_flat_map(move |gso_size| {
        let size = usize::from(gso_size);
        (1..(size * 30).min(60_000), Just(gso_size))
    });
    recipe(v6, tcp, sizes)
}

pub(super) fn plain_frames() -> impl Strategy<Value = Recipe> {
    let kind = (any::<bool>(), any::<bool>());
    kind.prop_flat_map(|(v6, tcp)| recipe(v6, tcp, (0..1400usize, Just(0u16))))
}

/// Frames on their way through a routing header or with a home address (RFC 8200 8.1, RFC 6275 6.3): the
/// pseudo-header has another address than the IP header.
pub(super) fn routed() -> impl Strategy<Value = Recipe> {
    let kind = (any::<bool>(), any::<bool>(), 1..=u16::MAX);
    kind.prop_flat_map(|(v6, tcp, final_destination)| {
        let routed = recipe(v6, tcp, (1401..20_000usize, Just(1400u16)));
        routed.prop_map(move |recipe| Recipe { final_destination, ..recipe })
    })
}

/// One segment's sum in two is zero then: of a plain frame, or of the first segment.
pub(super) fn zero_sums() -> impl Strategy<Value = Recipe> {
    let kind = (any::<bool>(), any::<bool>(), prop_oneof![Just(0u16), Just(600u16)]);
    kind.prop_flat_map(|(v6, tcp, gso_size)| {
        let payload = if gso_size == 0 { 2..1400usize } else { 601..4000usize };
        let plain = recipe(v6, tcp, (payload, Just(gso_size)));
        plain.prop_map(|recipe| Recipe { zero_sum: true, ..recipe })
    })
}

/// Packets of 65,535 bytes, and cuts of one byte less and more than fit.
pub(super) fn largest() -> impl Strategy<Value = Recipe> {
    let kind = (any::<bool>(), any::<bool>());
    kind.prop_flat_map(|(v6, tcp)| {
        let recipe = recipe(v6, tcp, (Just(0usize), prop_oneof![Just(48u16), 1300..1460u16]));
        recipe.prop_map(move |mut recipe| {
            let whole = if v6 { 65_535 + 40 } else { 65_535 };
            let headers = recipe.headers() - recipe.network();
            // The kernel takes a packet of 65,535 bytes with its IPv6 header at most.
            recipe.payload = whole.min(65_535) - headers;
            if !tcp && recipe.gso_size == 48 {
                // At most 128 datagrams (UDP_MAX_SEGMENTS) come from a socket; a TAP takes more.
                recipe.gso_size = 600;
            }
            recipe
        })
    })
}

impl Recipe {
    fn network(&self) -> usize {
        14 + if self.tagged { 4 } else { 0 }
    }

    fn transport(&self) -> usize {
        self.network() + if self.v6 { 40 } else { 20 } + self.ip_options * 8
    }

    fn headers(&self) -> usize {
        self.transport() + if self.tcp { 20 + self.tcp_options * 4 } else { 8 }
    }

    fn checksum_offset(&self) -> usize {
        if self.tcp { 16 } else { 6 }
    }

    fn protocol(&self) -> u8 {
        if self.tcp { 6 } else { 17 }
    }

    /// The virtio header, and the frame with the pseudo-header's sum as its checksum.
    pub(super) fn build(&self) -> Vec<u8> {
        let mut frame = MACS.to_vec();
        if self.tagged {
            frame.extend([0x81, 0x00, 0x60, 0x05]);
        }
        let length = self.headers() - self.network() + self.payload;
        let addresses =
            if self.v6 { self.ipv6(&mut frame, length) } else { self.ipv4(&mut frame, length) };
        let segment = length - (self.transport() - self.network());
        let pseudo = pseudo_header(&addresses, self.protocol(), segment as u32)
            .word(self.final_destination)
            .folded();
        if self.tcp {
            self.tcp(&mut frame, pseudo);
        } else {
            self.udp(&mut frame, pseudo, segment);
        }
        frame.extend(random(self.payload, self.seed));
        if self.zero_sum {
            self.make_zero(&mut frame, &addresses);
        }
        [self.vnet_header().as_bytes(), &frame].concat()
    }

    fn vnet_header(&self) -> VnetHeader {
        let gso_type = match (self.gso_size, self.tcp, self.v6) {
            (0, ..) => gso::NONE,
            (_, true, false) => gso::TCPV4,
            (_, true, true) => gso::TCPV6,
            (_, false, _) => gso::UDP_L4,
        };
        VnetHeader {
            flags: vnet::NEEDS_CSUM,
            gso_type: gso_type | if self.ecn { gso::ECN } else { 0 },
            hdr_len: (self.headers() as u16).into(),
            gso_size: self.gso_size.into(),
            csum_start: (self.transport() as u16).into(),
            csum_offset: (self.checksum_offset() as u16).into(),
        }
    }

    fn ipv4(&self, frame: &mut Vec<u8>, length: usize) -> Vec<u8> {
        let start = frame.len() + 2;
        let flags = if self.dont_fragment { 0x40 } else { 0 };
        frame.extend([0x08, 0x00, 0x45 + 2 * self.ip_options as u8, 0x02]);
        frame.extend((length as u16).to_be_bytes());
        frame.extend(self.id.to_be_bytes());
        frame.extend([flags, 0, 64, self.protocol(), 0, 0, 10, 9, 0, 1, 10, 9, 0, 2]);
        // No-operation options (RFC 791).
        frame.extend(std::iter::repeat_n(1, self.ip_options * 8));
        let sum = Sum::default().bytes(&frame[start..]).checksum();
        frame[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
        frame[start + 12..start + 20].to_vec()
    }

    fn ipv6(&self, frame: &mut Vec<u8>, length: usize) -> Vec<u8> {
        let start = frame.len() + 2;
        let next = if self.ip_options > 0 { 60 } else { self.protocol() };
        frame.extend([0x86, 0xdd, 0x60, 0x2a, 0xbc, 0xde]);
        frame.extend((length as u16 - 40).to_be_bytes());
        frame.extend([next, 64]);
        for last in [1, 2] {
            frame.extend([0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        for index in 0..self.ip_options {
            // Destination options of 8 bytes: 4 bytes of padding as one option (RFC 8200 4.2).
            let next = if index + 1 == self.ip_options { self.protocol() } else { 60 };
            frame.extend([next, 0, 1, 4, 0, 0, 0, 0]);
        }
        frame[start + 8..start + 40].to_vec()
    }

    fn tcp(&self, frame: &mut Vec<u8>, pseudo: u16) {
        frame.extend(self.ports.0.to_be_bytes());
        frame.extend(self.ports.1.to_be_bytes());
        frame.extend(self.sequence.to_be_bytes());
        frame.extend([0, 0, 0, 9, (5 + self.tcp_options as u8) << 4, self.flags, 0x12, 0x34]);
        frame.extend(pseudo.to_be_bytes());
        frame.extend([0, 5]);
        frame.extend(std::iter::repeat_n(1, self.tcp_options * 4));
    }

    fn udp(&self, frame: &mut Vec<u8>, pseudo: u16, length: usize) {
        frame.extend(self.ports.0.to_be_bytes());
        frame.extend(self.ports.1.to_be_bytes());
        frame.extend((length as u16).to_be_bytes());
        frame.extend(pseudo.to_be_bytes());
    }

    /// Chooses the first two bytes of payload so that the first segment's checksum is zero.
    fn make_zero(&self, frame: &mut [u8], addresses: &[u8]) {
        let first = match self.gso_size {
            0 => self.payload,
            size => self.payload.min(usize::from(size)),
        };
        let mut segment = frame[self.transport()..self.headers() + first].to_vec();
        let at = self.headers() - self.transport();
        segment[at..at + 2].fill(0);
        let offset = self.checksum_offset();
        segment[offset..offset + 2].fill(0);
        if !self.tcp {
            let length = (segment.len() as u16).to_be_bytes();
            segment[4..6].copy_from_slice(&length);
        } else if self.gso_size > 0 && self.payload > first {
            segment[13] &= !(FIN | PSH);
        }
        let pseudo = pseudo_header(addresses, self.protocol(), segment.len() as u32);
        let rest = (pseudo + Sum::default().bytes(&segment)).checksum();
        frame[self.headers()..self.headers() + 2].copy_from_slice(&rest.to_be_bytes());
    }
}
