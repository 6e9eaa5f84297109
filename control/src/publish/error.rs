//! Why can a port not be published here?

use super::holders::Holder;
use crate::model::Protocol;
use crate::netlink::NetlinkError;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Why a network's ports cannot be published. Nothing is held then.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The host side of the network is where nobody else is.
    #[error(
        "--publish needs root: without privileges the network's host side is a namespace of its own, \
         which nobody else can reach"
    )]
    Rootless,
    /// The host has no such address.
    #[error("--publish {text}: this host has no address {address}; it has {}", list(known))]
    NoSuchAddress {
        /// The option as it is read.
        text: String,
        /// The address.
        address: IpAddr,
        /// Those that it has.
        known: Vec<IpAddr>,
    },
    /// The port is taken.
    #[error("--publish {text}: {address}/{protocol} is in use{}; choose another port", by(holder))]
    InUse {
        /// The option as it is read.
        text: String,
        /// The address and port that were asked for.
        address: SocketAddr,
        /// The protocol.
        protocol: Protocol,
        /// Who has it, if that can be known.
        holder: Option<Holder>,
    },
    /// The kernel refuses the socket for another reason.
    #[error("--publish {text}: cannot listen on {address}/{protocol}: {source}")]
    Listen {
        /// The option as it is read.
        text: String,
        /// The address and port that were asked for.
        address: SocketAddr,
        /// The protocol.
        protocol: Protocol,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// There are more sockets than the process may open.
    #[error(
        "--publish: {ports} published ports need {needed} file descriptors, but the hard limit is \
         {hard}; raise it (`ulimit -Hn {needed}`) or publish fewer"
    )]
    Descriptors {
        /// How many ports are to be published.
        ports: usize,
        /// How many descriptors the process needs in all.
        needed: u64,
        /// How many it may have.
        hard: u64,
    },
    /// The host's addresses cannot be asked for.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The relay cannot be started.
    #[error("cannot watch the sockets of published ports: {0}")]
    Watch(#[source] io::Error),
}

impl PublishError {
    /// The one that stands in the way, as it is read, if it is one alone.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::NoSuchAddress { text, .. }
            | Self::InUse { text, .. }
            | Self::Listen { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The same without the option, for who says by itself where it is written.
    pub fn reason(&self) -> String {
        let whole = self.to_string();
        let option = self.text().map_or("--publish".to_owned(), |text| format!("--publish {text}"));
        let rest = whole.strip_prefix(&option).map(|rest| rest.trim_start_matches([':', ' ']));
        rest.unwrap_or(&whole).to_owned()
    }

    /// Was the request refused as it is written, before anything was made?
    pub fn is_bad_input(&self) -> bool {
        matches!(
            self,
            Self::Rootless
                | Self::NoSuchAddress { .. }
                | Self::InUse { .. }
                | Self::Descriptors { .. }
        )
    }
}

fn by(holder: &Option<Holder>) -> String {
    match holder {
        Some(holder) => format!(": {holder}"),
        None => ", by whom cannot be known".to_owned(),
    }
}

/// As many addresses as can be read at a glance.
fn list(addresses: &[IpAddr]) -> String {
    const MOST: usize = 12;
    if addresses.is_empty() {
        return "none of that family".to_owned();
    }
    let mut text: Vec<_> = addresses.iter().take(MOST).map(IpAddr::to_string).collect();
    if addresses.len() > MOST {
        text.push(format!("{} more", addresses.len() - MOST));
    }
    text.join(", ")
}
