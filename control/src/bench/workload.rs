//! What can be measured?
//!
//! A workload is a way and a load: `masq-tcp-4-reverse` is the load `tcp-4-reverse` on the way `masq-`.
//!
//! | way | from where to where |
//! |---|---|
//! | (none) | from one namespace of a bridge to another; nothing is routed or translated |
//! | `nat-idle-` | the same on a bridge whose host masquerades and publishes, though not this traffic |
//! | `masq-` | from a namespace through the host, under the host's address, to the outside |
//! | `published-` | from the outside to a port that the host publishes for a namespace |
//!
//! | load | what the two ends do | figure |
//! |---|---|---|
//! | `tcp-N` | N flows, writes of 128 KiB, client to server | Gbit/s received |
//! | `tcp-N-reverse` | the same, server to client | Gbit/s received |
//! | `tcp-both` | one flow each way at once | Gbit/s received, both added |
//! | `tcp-rr` | one byte there, one byte back, one at a time | round trip in µs |
//! | `tcp-crr` | a connection for each byte there and back, one at a time | connections a second, and the time of one in µs |
//! | `udp-18` | datagrams of 18 bytes, frames of 60, 64 a system call | kpps delivered |
//! | `udp-gso` | 32 datagrams of 1400 bytes a send, cut by the kernel | kpps delivered |

use super::load::{GSO_PAYLOAD, GSO_SEGMENTS, SMALL_PAYLOAD, Task};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most flows of one workload.
pub const MAX_FLOWS: u32 = 64;

/// From where to where the traffic runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Way {
    /// Between two namespaces of a bridge that routes nothing.
    Bridged,
    /// The same on a bridge that could.
    NatIdle,
    /// From a namespace to the outside, under the host's address.
    Masquerade,
    /// From the outside to a published port.
    Published,
}

impl Way {
    /// All ways. The one whose prefix is empty comes last: every name begins with it.
    const ALL: [Self; 4] = [Self::NatIdle, Self::Masquerade, Self::Published, Self::Bridged];

    /// Does it take a bridge with an outside behind its host?
    pub fn is_routed(self) -> bool {
        self != Self::Bridged
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Bridged => "",
            Self::NatIdle => "nat-idle-",
            Self::Masquerade => "masq-",
            Self::Published => "published-",
        }
    }
}

/// What the two ends do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Load {
    /// TCP streams in one direction.
    Tcp {
        /// How many at once, 1 to [`MAX_FLOWS`].
        flows: u32,
        /// From the server to the client.
        reverse: bool,
    },
    /// One TCP stream each way at once.
    TcpBoth,
    /// TCP request and response.
    TcpRoundTrip,
    /// TCP connect, request, response and close.
    TcpConnect,
    /// The smallest UDP datagrams.
    UdpSmall,
    /// UDP super-frames.
    UdpGso,
}

impl Load {
    /// Those without a number in their names.
    const FIXED: [Self; 5] =
        [Self::TcpBoth, Self::TcpRoundTrip, Self::TcpConnect, Self::UdpSmall, Self::UdpGso];

    fn parse(name: &str) -> Option<Self> {
        if let Some(found) = Self::FIXED.into_iter().find(|it| it.to_string() == name) {
            return Some(found);
        }
        let rest = name.strip_prefix("tcp-")?;
        let (number, reverse) = match rest.strip_suffix("-reverse") {
            Some(number) => (number, true),
            None => (rest, false),
        };
        let flows = number.parse().ok().filter(|flows| (1..=MAX_FLOWS).contains(flows))?;
        let found = Self::Tcp { flows, reverse };
        // `tcp-+1` and `tcp-01` parse as numbers but are no names.
        (found.to_string() == name).then_some(found)
    }

    /// What the two ends have to do for it, at this MTU.
    pub fn task(self, mtu: u16) -> Task {
        match self {
            Self::Tcp { flows, reverse: false } => Task::Stream { to_server: flows, to_client: 0 },
            Self::Tcp { flows, reverse: true } => Task::Stream { to_server: 0, to_client: flows },
            Self::TcpBoth => Task::Stream { to_server: 1, to_client: 1 },
            Self::TcpRoundTrip => Task::RoundTrips,
            Self::TcpConnect => Task::Connections,
            Self::UdpSmall => Task::Datagrams { payload: SMALL_PAYLOAD, segments: 1 },
            Self::UdpGso => {
                // A segment must fit the MTU with its IPv4 and UDP headers.
                let payload = GSO_PAYLOAD.min(usize::from(mtu) - 28);
                Task::Datagrams { payload, segments: GSO_SEGMENTS }
            }
        }
    }

    /// Is it made of datagrams?
    pub fn is_udp(self) -> bool {
        matches!(self, Self::UdpSmall | Self::UdpGso)
    }
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Workload {
    /// From where to where.
    pub way: Way,
    /// What.
    pub load: Load,
}

impl Workload {
    /// Everything there is to measure between two namespaces of a bridge, with these numbers of flows.
    pub fn bridged(flows: &[u32]) -> Vec<Self> {
        let tcp = flows
            .iter()
            .flat_map(|&flows| [false, true].map(|it| Load::Tcp { flows, reverse: it }));
        let others = [Load::TcpBoth, Load::TcpRoundTrip, Load::UdpSmall, Load::UdpGso];
        tcp.chain(others).map(|load| Self { way: Way::Bridged, load }).collect()
    }

    /// What is worth measuring of the routed ways, with these numbers of flows. What is bridged beside
    /// an idle NAT comes right after the same without one, to be compared.
    pub fn routed(flows: &[u32]) -> Vec<Self> {
        let on = |way: Way| move |load: Load| Self { way, load };
        let tcp = |reverse| flows.iter().map(move |&flows| Load::Tcp { flows, reverse });
        let out = tcp(false).zip(tcp(true)).flat_map(<[Load; 2]>::from).map(on(Way::Masquerade));
        let published = tcp(false).map(on(Way::Published));
        let others = [Load::TcpConnect, Load::UdpSmall, Load::UdpGso].map(on(Way::Masquerade));
        let idle =
            tcp(false).flat_map(|load| [Way::Bridged, Way::NatIdle].map(|way| on(way)(load)));
        out.chain(published).chain(others).chain(idle).collect()
    }

    /// Reads a name; `None` where there is no such workload.
    pub fn parse(name: &str) -> Option<Self> {
        Way::ALL.into_iter().find_map(|way| {
            let load = Load::parse(name.strip_prefix(way.prefix())?)?;
            Some(Self { way, load })
        })
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { flows, reverse: false } => write!(f, "tcp-{flows}"),
            Self::Tcp { flows, reverse: true } => write!(f, "tcp-{flows}-reverse"),
            Self::TcpBoth => f.write_str("tcp-both"),
            Self::TcpRoundTrip => f.write_str("tcp-rr"),
            Self::TcpConnect => f.write_str("tcp-crr"),
            Self::UdpSmall => f.write_str("udp-18"),
            Self::UdpGso => f.write_str("udp-gso"),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.way.prefix(), self.load)
    }
}

impl From<Workload> for String {
    fn from(workload: Workload) -> Self {
        workload.to_string()
    }
}

/// A name that is no workload's.
#[derive(Debug, thiserror::Error)]
#[error("no workload is named {0:?}")]
pub struct UnknownWorkload(String);

impl TryFrom<String> for Workload {
    type Error = UnknownWorkload;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(&name).ok_or(UnknownWorkload(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_is_read_back_from_its_name() {
        let flows = [1, 4, 64];
        for workload in Workload::bridged(&flows).into_iter().chain(Workload::routed(&flows)) {
            assert_eq!(Workload::parse(&workload.to_string()), Some(workload));
        }
    }

    #[test]
    fn every_load_can_take_every_way() {
        for way in Way::ALL {
            for load in Load::FIXED {
                let workload = Workload { way, load };
                assert_eq!(Workload::parse(&workload.to_string()), Some(workload));
            }
        }
    }

    #[test]
    fn other_names_are_no_workloads() {
        let names = ["", "tcp", "tcp-0", "tcp-65", "tcp-+1", "tcp-01", "tcp-1-forward", "UDP-18"];
        for name in
            names.into_iter().chain(["masq-", "masq", "masq-nat-idle-tcp-1", "natidle-tcp-1"])
        {
            assert_eq!(Workload::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_gso_segment_fits_a_small_mtu() {
        let task = Load::UdpGso.task(1280);
        assert_eq!(task, Task::Datagrams { payload: 1252, segments: 32 });
        let task = Load::UdpGso.task(9000);
        assert_eq!(task, Task::Datagrams { payload: 1400, segments: 32 });
    }
}
