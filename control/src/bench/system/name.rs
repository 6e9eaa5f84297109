//! Which data paths can be measured, and how are they told apart?

use dataplane::config::{MAX_WORKERS, Workers};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One way to connect namespaces. In JSON it is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum System {
    /// This program, with so many threads that forward; or as many as it has by default.
    Ours(Option<Workers>),
    /// The kernel's bridge with veth pairs.
    Kernel,
    /// The same, with NAT by nftables.
    Nftables,
    /// Open vSwitch's userspace datapath, as it is by default.
    Ovs,
    /// The same with `userspace-tso-enable`.
    OvsTso,
    /// VDE's switch.
    Vde,
    /// slirp4netns.
    Slirp,
    /// pasta.
    Pasta,
    /// The loopback interface: two sockets and nothing between them, the physical limit.
    Loopback,
}

/// There is no system of this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no system is named {0:?}")]
pub struct UnknownSystem(String);

impl System {
    /// This program as it is by default.
    pub const OURS: Self = Self::Ours(None);

    /// All that can be asked for by name, in the order of the tables; ours as it is by default.
    pub const ALL: [Self; 9] = [
        Self::OURS,
        Self::Kernel,
        Self::Nftables,
        Self::Ovs,
        Self::OvsTso,
        Self::Vde,
        Self::Slirp,
        Self::Pasta,
        Self::Loopback,
    ];

    /// All there can be in a result, in the order of the tables: ours also with every number of workers.
    pub fn every() -> impl Iterator<Item = Self> {
        let numbers = (1..=MAX_WORKERS).filter_map(|count| Workers::new(count).ok());
        let ours = std::iter::once(None).chain(numbers.map(Some)).map(Self::Ours);
        ours.chain(Self::ALL.into_iter().filter(|it| !it.is_ours()))
    }

    /// Reads a name; `None` where there is no such system.
    pub fn parse(name: &str) -> Option<Self> {
        Self::every().find(|it| it.to_string() == name)
    }

    /// Is it this program, whatever number of workers it has?
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Ours(_))
    }

    /// Is it the kernel's own, which all others are compared with?
    pub fn is_reference(self) -> bool {
        matches!(self, Self::Kernel | Self::Nftables)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ours(None) => "ours",
            Self::Ours(Some(workers)) => return f.pad(&format!("ours-{}w", workers.get())),
            Self::Kernel => "kernel",
            Self::Nftables => "nftables",
            Self::Ovs => "ovs",
            Self::OvsTso => "ovs-tso",
            Self::Vde => "vde",
            Self::Slirp => "slirp4netns",
            Self::Pasta => "pasta",
            Self::Loopback => "loopback",
        })
    }
}

impl From<System> for String {
    fn from(system: System) -> Self {
        system.to_string()
    }
}

impl TryFrom<String> for System {
    type Error = UnknownSystem;

    fn try_from(name: String) -> Result<Self, UnknownSystem> {
        Self::parse(&name).ok_or(UnknownSystem(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_is_read_back_from_its_name_and_from_json() {
        for system in System::every() {
            assert_eq!(System::parse(&system.to_string()), Some(system));
            let value = serde_json::to_value(system).unwrap();
            assert_eq!(value, system.to_string());
            assert_eq!(serde_json::from_value::<System>(value).unwrap(), system);
        }
        for name in ["Ours", "ours-0w", "ours-02w", "ours-17w", "kernel-2w", ""] {
            assert_eq!(System::parse(name), None, "{name}");
        }
    }

    #[test]
    fn the_tables_begin_with_ours_by_workers_and_have_each_once() {
        let names: Vec<String> = System::every().map(|it| it.to_string()).collect();
        assert_eq!(names[..3], ["ours", "ours-1w", "ours-2w"]);
        assert_eq!(names[16..18], ["ours-16w", "kernel"]);
        assert!(System::every().is_sorted());
        assert_eq!(names.len(), MAX_WORKERS + System::ALL.len());
    }
}
