//! How many connections does a system with NAT track, and how are they forgotten?
//!
//! Ours by the command that users have for it, the kernel's by a setting and by the netlink message that
//! `conntrack -F` sends. Both are timed from the outside, the start of our command's process included.
//!
//! Source: `include/uapi/linux/netfilter/nfnetlink_conntrack.h`, `ctnetlink_del_conntrack` in
//! `net/netfilter/nf_conntrack_netlink.c`: a request without a tuple is for all.

use super::{SystemError, ours};
use crate::netns;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use std::fs;
use std::io;
use std::path::PathBuf;

/// How many connections the kernel tracks in the namespace of who reads it.
const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE`.
const DELETE: u16 = (1 << 8) | 2;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
/// Length of the request: `struct nlmsghdr` and `struct nfgenmsg`.
const LENGTH: u32 = 20;

/// A tracker that cannot be asked or emptied.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {source}")]
pub struct TrackerError {
    what: &'static str,
    #[source]
    source: io::Error,
}

impl TrackerError {
    fn new(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self { what, source }
    }
}

/// Where the connections of a system are.
#[derive(Clone, Debug)]
pub(in crate::bench) enum Tracker {
    /// In this network of ours.
    Ours {
        /// The namespace of its host.
        host: PathBuf,
        /// Its name.
        network: String,
    },
    /// In the kernel's namespace.
    Kernel {
        /// Its file.
        netns: PathBuf,
    },
}

impl Tracker {
    /// How many connections are tracked.
    ///
    /// # Errors
    /// It does not say.
    pub(in crate::bench) fn count(&self) -> Result<u64, SystemError> {
        let failed = TrackerError::new("count the tracked connections");
        let text = match self {
            Self::Ours { host, network } => {
                let said = ours::run(host, "conntrack", &["-C", network])?;
                String::from_utf8_lossy(&said).into_owned()
            }
            Self::Kernel { netns } => {
                netns::run_in(netns, || fs::read_to_string(COUNT))?.map_err(&failed)?
            }
        };
        let number = text.split_whitespace().find_map(|word| word.parse().ok());
        Ok(number.ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?)
    }

    /// Forgets all of them.
    ///
    /// # Errors
    /// It refuses.
    pub(in crate::bench) fn flush(&self) -> Result<(), SystemError> {
        match self {
            Self::Ours { host, network } => {
                ours::run(host, "conntrack", &["-F", network]).map(drop)
            }
            Self::Kernel { netns } => {
                let failed = TrackerError::new("delete the tracked connections");
                Ok(netns::run_in(netns, flush)?.map_err(failed)?)
            }
        }
    }
}

/// Empties the kernel's table of the calling thread's namespace.
fn flush() -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut request = LENGTH.to_ne_bytes().to_vec();
    request.extend(DELETE.to_ne_bytes());
    request.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    // Sequence and port numbers, then family, version and resource: 0 means any family.
    request.extend([0; 12]);
    socket.send(&request, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    let code = answer.get(16..20).and_then(|bytes| Some(i32::from_ne_bytes(*bytes.first_chunk()?)));
    match code {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}
