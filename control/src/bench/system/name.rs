//! Which data paths can be measured, and how are they told apart?

use serde::{Deserialize, Serialize};
use std::fmt;

/// One way to connect namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum System {
    /// This program.
    #[serde(rename = "ours")]
    Ours,
    /// The kernel's bridge with veth pairs.
    #[serde(rename = "kernel")]
    Kernel,
    /// The same, with NAT by nftables.
    #[serde(rename = "nftables")]
    Nftables,
    /// Open vSwitch's userspace datapath, as it is by default.
    #[serde(rename = "ovs")]
    Ovs,
    /// The same with `userspace-tso-enable`.
    #[serde(rename = "ovs-tso")]
    OvsTso,
    /// VDE's switch.
    #[serde(rename = "vde")]
    Vde,
    /// slirp4netns.
    #[serde(rename = "slirp4netns")]
    Slirp,
    /// pasta.
    #[serde(rename = "pasta")]
    Pasta,
    /// The loopback interface: two sockets and nothing between them, the physical limit.
    #[serde(rename = "loopback")]
    Loopback,
}

impl System {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 9] = [
        Self::Ours,
        Self::Kernel,
        Self::Nftables,
        Self::Ovs,
        Self::OvsTso,
        Self::Vde,
        Self::Slirp,
        Self::Pasta,
        Self::Loopback,
    ];

    /// Its name, as it is asked for and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Kernel => "kernel",
            Self::Nftables => "nftables",
            Self::Ovs => "ovs",
            Self::OvsTso => "ovs-tso",
            Self::Vde => "vde",
            Self::Slirp => "slirp4netns",
            Self::Pasta => "pasta",
            Self::Loopback => "loopback",
        }
    }

    /// Reads a name; `None` where there is no such system.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Is it the kernel's own, which all others are compared with?
    pub fn is_reference(self) -> bool {
        matches!(self, Self::Kernel | Self::Nftables)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_is_read_back_from_its_name_and_from_json() {
        for system in System::ALL {
            assert_eq!(System::parse(system.name()), Some(system));
            assert_eq!(serde_json::to_value(system).unwrap(), system.name());
        }
        assert_eq!(System::parse("Ours"), None);
    }
}
