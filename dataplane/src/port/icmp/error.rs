//! Why is the host's ICMP not heard, and what is to be done about it?

use super::RECEIVE_BUFFER;
use crate::port::descriptors;
use std::io;

/// Why the host's ICMP messages cannot be seen.
#[derive(Debug, thiserror::Error)]
pub enum IcmpError {
    /// No socket.
    #[error("cannot open a raw {protocol} socket: {source}{}", capability(source))]
    Socket {
        /// ICMP or ICMPv6.
        protocol: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A socket that would get everything.
    #[error("cannot set the filter of a raw {protocol} socket: {source}")]
    Filter {
        /// ICMP or ICMPv6.
        protocol: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A socket that would not say whom messages are for, or how many were lost.
    #[error("cannot set up what a raw {protocol} socket tells beside each message: {source}")]
    Telling {
        /// ICMP or ICMPv6.
        protocol: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A socket without the room that it needs.
    #[error("cannot give a raw {protocol} socket {RECEIVE_BUFFER} bytes to receive in: {source}")]
    Buffer {
        /// ICMP or ICMPv6.
        protocol: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

impl IcmpError {
    /// There is no socket, for what the kernel said.
    pub(super) fn socket(protocol: &'static str, error: io::Error) -> Self {
        Self::Socket { protocol, source: descriptors::explained(error) }
    }
}

/// Which capability is missing, if it is that.
fn capability(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; it needs CAP_NET_RAW in the network namespace's user namespace"
        }
        _ => "",
    }
}
