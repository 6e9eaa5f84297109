//! What can be measured?
//!
//! A workload is a way, a load and perhaps a size: `masq-tcp-4-reverse/mtu-9000` is the load
//! `tcp-4-reverse` on the way `masq-` at an MTU of 9,000.
//!
//! | way | from where to where |
//! |---|---|
//! | (none) | from one namespace of a bridge to another; nothing is routed or translated |
//! | `nat-idle-` | the same on a bridge whose host masquerades and publishes, though not this traffic |
//! | `masq-` | from a namespace through the host, under the host's address, to the outside |
//! | `published-` | from the outside to a port that the host publishes for a namespace |
//!
//! | load | what the ends do | figure |
//! |---|---|---|
//! | `tcp-N` | N flows, writes of 128 KiB, client to server | Gbit/s received |
//! | `tcp-N-reverse` | the same, server to client | Gbit/s received |
//! | `tcp-N-both` | N flows each way at once | Gbit/s received, both added |
//! | `tcp-rr` | one byte there, one byte back, one at a time | round trip in µs |
//! | `tcp-rr-loaded` | the same beside four streams each way | round trip in µs |
//! | `tcp-crr` | a connection for each byte there and back, one at a time | connections a second, and the time of one in µs |
//! | `udp-N` | datagrams of N bytes, 64 a system call, as fast as they can be sent | kpps delivered |
//! | `udp-N-lossless` | the same at the highest rate without loss, found by halving (RFC 2544) | kpps |
//! | `udp-gso` | 32 datagrams of 1400 bytes a send, cut by the kernel | kpps delivered |
//! | `broadcast-8` | one of eight ports sends broadcasts (RFC 2889 section 5.7) | kpps delivered, of all ports |
//! | `mesh-8` | each of eight ports sends to all others (RFC 2889 section 5.1) | kpps delivered, of all ports |
//! | `learning-rate` | frames from MACs that a switch does not know, as fast as it learns all (RFC 2889 section 5.8) | addresses a second |
//! | `fdb-capacity` | more MACs than fit (RFC 2889 section 5.7) | addresses kept |
//! | `flows` | connections of one datagram each, begun as fast as none is lost (RFC 9693) | connections begun a second, and forgotten a second |
//! | `flows-capacity` | more of them than fit | connections held |
//!
//! | size | what is larger than usual |
//! |---|---|
//! | `/mtu-N` | the MTU of every interface |
//! | `/ports-N` | the namespaces on each bridge |
//! | `/published-N` | the ports that the host publishes, of which the last is used |

mod load;
mod sets;
mod way;

pub use load::{Direction, Load, MAX_FLOWS, MAX_PAYLOAD, MESH, MIN_PAYLOAD};
pub use way::Way;

use super::shape::{MAX_ENDS, MAX_PUBLISHED, Shape};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is larger than usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    /// Nothing.
    Usual,
    /// The MTU.
    Mtu(u16),
    /// The number of namespaces.
    Ports(u16),
    /// The number of published ports.
    Published(u16),
}

impl Size {
    fn parse(text: &str) -> Option<Self> {
        let (kind, number) = text.split_once('-')?;
        let number: u16 = number.parse().ok()?;
        let found = match kind {
            "mtu" => Self::Mtu(number),
            "ports" => Self::Ports(number),
            "published" => Self::Published(number),
            _ => return None,
        };
        let possible = match found {
            Self::Usual => false,
            Self::Mtu(mtu) => (super::options::MIN_MTU..=dataplane::config::MAX_MTU).contains(&mtu),
            Self::Ports(ends) => (2..=MAX_ENDS).contains(&ends),
            Self::Published(ports) => (1..=MAX_PUBLISHED).contains(&ports),
        };
        (possible && found.to_string() == format!("/{text}")).then_some(found)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usual => Ok(()),
            Self::Mtu(mtu) => write!(f, "/mtu-{mtu}"),
            Self::Ports(ends) => write!(f, "/ports-{ends}"),
            Self::Published(ports) => write!(f, "/published-{ports}"),
        }
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
    /// On what.
    pub size: Size,
}

impl Workload {
    /// This load between two namespaces of a bridge.
    pub fn bridged(load: Load) -> Self {
        Self { way: Way::Bridged, load, size: Size::Usual }
    }

    /// Reads a name; `None` where there is no such workload.
    pub fn parse(name: &str) -> Option<Self> {
        let (name, size) = match name.split_once('/') {
            Some((name, size)) => (name, Size::parse(size)?),
            None => (name, Size::Usual),
        };
        Way::ALL.into_iter().find_map(|way| {
            let load = Load::parse(name.strip_prefix(way.prefix())?)?;
            Self { way, load, size }.possible()
        })
    }

    /// Itself, if it can be.
    fn possible(self) -> Option<Self> {
        let whole = self.load.ends() > 2;
        let tracked = self.load.is_tracked();
        let fits = match self.size {
            Size::Usual | Size::Mtu(_) => true,
            Size::Ports(ends) => ends >= self.load.ends(),
            Size::Published(_) => self.way.is_routed(),
        };
        // Two servers cannot have the published port.
        let doubled = self.load.beside().is_some() && self.way == Way::Published;
        let way = !doubled
            && match (whole, tracked) {
                (true, _) => self.way == Way::Bridged,
                (_, true) => self.way == Way::Masquerade,
                _ => true,
            };
        (fits && way).then_some(self)
    }

    /// The shape that it takes, where it says nothing of the MTU with this one. Whether it is routed or
    /// not is left open: see [`Shape`].
    pub fn shape(&self, mtu: u16) -> Shape {
        let mut shape = Shape {
            mtu,
            ends: self.load.ends(),
            published: 1,
            open: self.load.is_open(),
            bridged: false,
            routed: false,
        };
        match self.size {
            Size::Usual => {}
            Size::Mtu(mtu) => shape.mtu = mtu,
            Size::Ports(ends) => shape.ends = ends,
            Size::Published(ports) => shape.published = ports,
        }
        shape
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.way.prefix(), self.load, self.size)
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
    use crate::bench::load::Task;

    #[test]
    fn every_workload_is_read_back_from_its_name() {
        let flows = [1, 4, 64];
        let sets = [Workload::usual(&flows), Workload::routed(&flows), Workload::full(&flows)];
        for workload in sets.into_iter().chain([Workload::quick()]).flatten() {
            assert_eq!(Workload::parse(&workload.to_string()), Some(workload));
        }
    }

    #[test]
    fn every_load_between_two_can_take_every_way() {
        for way in Way::ALL {
            let between_two =
                |load: &Load| load.ends() == 2 && !load.is_tracked() && load.beside().is_none();
            for load in Load::FIXED.into_iter().filter(between_two) {
                let workload = Workload { way, load, size: Size::Usual };
                assert_eq!(Workload::parse(&workload.to_string()), Some(workload));
            }
        }
    }

    #[test]
    fn other_names_are_no_workloads() {
        for name in "tcp tcp-0 tcp-65 tcp-+1 tcp-01 tcp-1-forward UDP-18 udp-17 udp-65508 masq- masq \
                     masq-nat-idle-tcp-1 natidle-tcp-1 tcp-1/ tcp-1/mtu-1279 tcp-1/mtu-01500 \
                     tcp-1/ports-1 tcp-1/published-100 masq-mesh-8 mesh-8/ports-4 flows published-flows published-tcp-rr-loaded tcp-1/ports-2/mtu-1500"
            .split(' ')
        {
            assert_eq!(Workload::parse(name), None, "{name}");
        }
        assert_eq!(Workload::parse(""), None);
    }

    #[test]
    fn a_gso_segment_fits_a_small_mtu() {
        let payload = |mtu| match Load::UdpGso.task(mtu) {
            Task::Datagrams { payload, segments: 32, rate: None } => payload,
            other => panic!("{other:?}"),
        };
        assert_eq!((payload(1280), payload(9000)), (1252, 1400));
    }

    #[test]
    fn a_size_changes_the_shape_and_only_it() {
        let usual = Workload::parse("tcp-1").unwrap().shape(1500);
        let large = Workload::parse("tcp-1/mtu-9000").unwrap().shape(1500);
        assert_eq!(large, Shape { mtu: 9000, ..usual });
        let many = Workload::parse("published-tcp-rr/published-100").unwrap().shape(1500);
        assert_eq!(many, Shape { published: 100, ..usual });
        assert_eq!(Workload::parse("mesh-8").unwrap().shape(1500).ends, 8);
    }
}
