//! What can be measured?
//!
//! | name | what the two ends do | figure |
//! |---|---|---|
//! | `tcp-N` | N flows, writes of 128 KiB, first namespace to second | Gbit/s received |
//! | `tcp-N-reverse` | the same, second to first | Gbit/s received |
//! | `tcp-both` | one flow each way at once | Gbit/s received, both added |
//! | `tcp-rr` | one byte there, one byte back, one at a time | round trip in µs |
//! | `udp-18` | datagrams of 18 bytes, frames of 60, 64 a system call | kpps delivered |
//! | `udp-gso` | 32 datagrams of 1400 bytes a send, cut by the kernel | kpps delivered |

use super::load::{GSO_PAYLOAD, GSO_SEGMENTS, SMALL_PAYLOAD, Task};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most flows of one workload.
pub const MAX_FLOWS: u32 = 64;

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Workload {
    /// TCP streams in one direction.
    Tcp {
        /// How many at once, 1 to [`MAX_FLOWS`].
        flows: u32,
        /// From the second namespace to the first.
        reverse: bool,
    },
    /// One TCP stream each way at once.
    TcpBoth,
    /// TCP request and response.
    TcpRoundTrip,
    /// The smallest UDP datagrams.
    UdpSmall,
    /// UDP super-frames.
    UdpGso,
}

impl Workload {
    /// Everything there is to measure with these numbers of flows.
    pub fn all(flows: &[u32]) -> Vec<Self> {
        let tcp = flows.iter().flat_map(|&flows| {
            [Self::Tcp { flows, reverse: false }, Self::Tcp { flows, reverse: true }]
        });
        tcp.chain([Self::TcpBoth, Self::TcpRoundTrip, Self::UdpSmall, Self::UdpGso]).collect()
    }

    /// Reads a name; `None` where there is no such workload.
    pub fn parse(name: &str) -> Option<Self> {
        let fixed = [Self::TcpBoth, Self::TcpRoundTrip, Self::UdpSmall, Self::UdpGso];
        if let Some(found) = fixed.into_iter().find(|it| it.to_string() == name) {
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
            Self::UdpSmall => Task::Datagrams { payload: SMALL_PAYLOAD, segments: 1 },
            Self::UdpGso => {
                // A segment must fit the MTU with its IPv4 and UDP headers.
                let payload = GSO_PAYLOAD.min(usize::from(mtu) - 28);
                Task::Datagrams { payload, segments: GSO_SEGMENTS }
            }
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { flows, reverse: false } => write!(f, "tcp-{flows}"),
            Self::Tcp { flows, reverse: true } => write!(f, "tcp-{flows}-reverse"),
            Self::TcpBoth => f.write_str("tcp-both"),
            Self::TcpRoundTrip => f.write_str("tcp-rr"),
            Self::UdpSmall => f.write_str("udp-18"),
            Self::UdpGso => f.write_str("udp-gso"),
        }
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
        for workload in Workload::all(&[1, 4, 64]) {
            assert_eq!(Workload::parse(&workload.to_string()), Some(workload));
        }
    }

    #[test]
    fn other_names_are_no_workloads() {
        for name in ["", "tcp", "tcp-0", "tcp-65", "tcp-+1", "tcp-01", "tcp-1-forward", "UDP-18"] {
            assert_eq!(Workload::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_gso_segment_fits_a_small_mtu() {
        let task = Workload::UdpGso.task(1280);
        assert_eq!(task, Task::Datagrams { payload: 1252, segments: 32 });
        let task = Workload::UdpGso.task(9000);
        assert_eq!(task, Task::Datagrams { payload: 1400, segments: 32 });
    }
}
