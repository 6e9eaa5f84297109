//! Which bytes are which fields?
//!
//! One file a header. Each has a struct whose layout *is* the header (zerocopy, no padding, network
//! byte order) and a `parse` that proves it lies within the bytes given, or names the
//! [`DropReason`](crate::outcome::DropReason). Parsing never panics and never reads past the slice;
//! building is `IntoBytes`.

pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod icmp;
pub mod ipv4;
pub mod ipv6;
pub mod ndisc;
pub mod tcp;
pub mod udp;
pub mod vnet;
