//! What can the ends do?

use crate::bench::load::{GSO_PAYLOAD, GSO_SEGMENTS, Task};
use std::fmt;

/// Most flows of one workload.
pub const MAX_FLOWS: u32 = 64;
/// The smallest datagrams: with their headers a frame of 60 bytes, 64 with its check sequence.
pub const MIN_PAYLOAD: u16 = 18;
/// The largest datagrams that fit one packet.
pub const MAX_PAYLOAD: u16 = 65_507;
/// How many ports take part where all ports of a switch do.
pub const MESH: u16 = 8;
/// Flows beside round trips under load, each way.
const BESIDE: u32 = 4;

/// Which way the bytes of streams go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the server.
    Out,
    /// From the server to the client.
    In,
    /// As many flows each way.
    Both,
}

/// What the ends do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Load {
    /// TCP streams.
    Tcp {
        /// How many at once each way, 1 to [`MAX_FLOWS`].
        flows: u32,
        /// Which way.
        direction: Direction,
    },
    /// TCP request and response.
    TcpRoundTrip,
    /// The same while streams fill the path.
    TcpLoadedRoundTrip,
    /// TCP connect, request, response and close.
    TcpConnect,
    /// UDP datagrams as fast as they can be sent.
    Udp {
        /// Bytes in one.
        payload: u16,
    },
    /// The same at the highest rate at which none is lost.
    UdpLossless {
        /// Bytes in one.
        payload: u16,
    },
    /// UDP super-frames.
    UdpGso,
    /// Broadcasts of one port, delivered to all others.
    Broadcast,
    /// Every port sends to every other.
    Mesh,
    /// How fast a switch learns addresses.
    LearningRate,
    /// How many addresses a switch keeps.
    FdbCapacity,
    /// New connections through a NAT, and their end.
    Flows,
    /// As many connections as a NAT holds.
    FlowsCapacity,
}

impl Load {
    /// Those without a number in their names.
    pub(super) const FIXED: [Self; 10] = [
        Self::TcpRoundTrip,
        Self::TcpLoadedRoundTrip,
        Self::TcpConnect,
        Self::UdpGso,
        Self::Broadcast,
        Self::Mesh,
        Self::LearningRate,
        Self::FdbCapacity,
        Self::Flows,
        Self::FlowsCapacity,
    ];

    /// Reads a name; `None` where there is no such load.
    pub(super) fn parse(name: &str) -> Option<Self> {
        if let Some(found) = Self::FIXED.into_iter().find(|it| it.to_string() == name) {
            return Some(found);
        }
        let found = match name.strip_prefix("tcp-") {
            Some(rest) => Self::parse_tcp(rest)?,
            None => Self::parse_udp(name.strip_prefix("udp-")?)?,
        };
        // `tcp-+1` and `tcp-01` parse as numbers but are no names.
        (found.to_string() == name).then_some(found)
    }

    fn parse_tcp(rest: &str) -> Option<Self> {
        let (number, direction) = match rest.split_once('-') {
            Some((number, "reverse")) => (number, Direction::In),
            Some((number, "both")) => (number, Direction::Both),
            Some(_) => return None,
            None => (rest, Direction::Out),
        };
        let flows = number.parse().ok().filter(|flows| (1..=MAX_FLOWS).contains(flows))?;
        Some(Self::Tcp { flows, direction })
    }

    fn parse_udp(rest: &str) -> Option<Self> {
        let (number, lossless) = match rest.strip_suffix("-lossless") {
            Some(number) => (number, true),
            None => (rest, false),
        };
        let fits = |payload: &u16| (MIN_PAYLOAD..=MAX_PAYLOAD).contains(payload);
        let payload = number.parse().ok().filter(fits)?;
        Some(if lossless { Self::UdpLossless { payload } } else { Self::Udp { payload } })
    }

    /// What the two ends have to do for it, at this MTU.
    pub fn task(self, mtu: u16) -> Task {
        match self {
            Self::Tcp { flows, direction } => Task::Stream {
                to_server: if direction == Direction::In { 0 } else { flows },
                to_client: if direction == Direction::Out { 0 } else { flows },
            },
            Self::TcpRoundTrip | Self::TcpLoadedRoundTrip => Task::RoundTrips,
            Self::TcpConnect => Task::Connections,
            Self::Udp { payload } | Self::UdpLossless { payload } => {
                Task::Datagrams { payload: payload.into(), segments: 1, rate: None }
            }
            Self::UdpGso => {
                // A segment must fit the MTU with its IPv4 and UDP headers.
                let payload = GSO_PAYLOAD.min(usize::from(mtu) - 28);
                Task::Datagrams { payload, segments: GSO_SEGMENTS, rate: None }
            }
            Self::LearningRate | Self::FdbCapacity => {
                Task::Frames { teach: true, first: 0, count: 0, rate: None }
            }
            // How many, and at which rate, is for whoever searches.
            Self::Flows | Self::FlowsCapacity => Task::Flows { count: 0, first: 0, rate: None },
            Self::Broadcast => Task::Mesh { ends: MESH, own: 0, broadcast: true },
            Self::Mesh => Task::Mesh { ends: MESH, own: 0, broadcast: false },
        }
    }

    /// What fills the path beside it, if anything does.
    pub fn beside(self) -> Option<Task> {
        (self == Self::TcpLoadedRoundTrip)
            .then_some(Task::Stream { to_server: BESIDE, to_client: BESIDE })
    }

    /// Is it made of datagrams of one sender, so that losses can be told?
    pub fn is_udp(self) -> bool {
        matches!(self, Self::Udp { .. } | Self::UdpLossless { .. } | Self::UdpGso)
    }

    /// Does it take a NAT that can be asked for its connections?
    pub fn is_tracked(self) -> bool {
        matches!(self, Self::Flows | Self::FlowsCapacity)
    }

    /// How many ends it takes.
    pub fn ends(self) -> u16 {
        match self {
            Self::Broadcast | Self::Mesh => MESH,
            // One that is learned, one that asks, one that should hear nothing.
            Self::LearningRate | Self::FdbCapacity => 3,
            _ => 2,
        }
    }

    /// Does it take switches without limits on MACs and floods?
    pub fn is_open(self) -> bool {
        self.ends() > 2
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { flows, direction: Direction::Out } => write!(f, "tcp-{flows}"),
            Self::Tcp { flows, direction: Direction::In } => write!(f, "tcp-{flows}-reverse"),
            Self::Tcp { flows, direction: Direction::Both } => write!(f, "tcp-{flows}-both"),
            Self::TcpRoundTrip => f.write_str("tcp-rr"),
            Self::TcpLoadedRoundTrip => f.write_str("tcp-rr-loaded"),
            Self::TcpConnect => f.write_str("tcp-crr"),
            Self::Udp { payload } => write!(f, "udp-{payload}"),
            Self::UdpLossless { payload } => write!(f, "udp-{payload}-lossless"),
            Self::UdpGso => f.write_str("udp-gso"),
            Self::Broadcast => write!(f, "broadcast-{MESH}"),
            Self::Mesh => write!(f, "mesh-{MESH}"),
            Self::LearningRate => f.write_str("learning-rate"),
            Self::FdbCapacity => f.write_str("fdb-capacity"),
            Self::Flows => f.write_str("flows"),
            Self::FlowsCapacity => f.write_str("flows-capacity"),
        }
    }
}
