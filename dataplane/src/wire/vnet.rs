//! The virtio header before each frame of a TAP: what the sender left undone.
//!
//! Source: virtio 1.2, 5.1.6 "Device Operation"; `include/uapi/linux/virtio_net.h`. The kernel speaks
//! it to a TAP in the machine's own byte order (`tun_is_little_endian`).

use zerocopy::byteorder::native_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the header in bytes (`struct virtio_net_hdr`, without `num_buffers`).
pub const HEADER_LEN: usize = size_of::<VnetHeader>();

/// Flag: the checksum at `csum_start + csum_offset` holds only the pseudo-header's sum.
pub const NEEDS_CSUM: u8 = 1;

/// Values of `gso_type`.
pub mod gso {
    /// One ordinary frame.
    pub const NONE: u8 = 0;
    /// TCP over IPv4, to be cut into segments of `gso_size` bytes.
    pub const TCPV4: u8 = 1;
    /// TCP over IPv6.
    pub const TCPV6: u8 = 4;
    /// UDP, to be cut into datagrams of `gso_size` bytes each (USO).
    pub const UDP_L4: u8 = 5;
    /// Bit beside a TCP type: CWR is set on the first segment alone (RFC 3168).
    pub const ECN: u8 = 0x80;
}

/// The header. All lengths and offsets count from the start of the Ethernet header.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(C)]
pub struct VnetHeader {
    /// [`NEEDS_CSUM`] and others that we do not use.
    pub flags: u8,
    /// One of [`gso`], with or without [`gso::ECN`].
    pub gso_type: u8,
    /// Length of all headers in bytes; a hint when read, to be exact when written.
    pub hdr_len: U16,
    /// Payload bytes per segment.
    pub gso_size: U16,
    /// Where the checksummed bytes begin.
    pub csum_start: U16,
    /// Where in them the checksum is.
    pub csum_offset: U16,
}

impl VnetHeader {
    /// Is the checksum partial?
    #[inline]
    pub fn needs_checksum(&self) -> bool {
        self.flags & NEEDS_CSUM != 0
    }

    /// The `gso_type` without its ECN bit.
    #[inline]
    pub fn gso_kind(&self) -> u8 {
        self.gso_type & !gso::ECN
    }
}
