//! What does an uplink find on the host?
//!
//! Everything that [`super::plan`] decides from, read in one go and changed by nobody here.

use super::UplinkError;
use super::ports::{self, Range};
use crate::netlink::{Interface, Netlink, Rule};
use crate::sysctl;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The host as an uplink sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// All interfaces.
    pub interfaces: Vec<Interface>,
    /// The names of those that carry a default route, of IPv4 and of IPv6.
    pub defaults: [BTreeSet<String>; 2],
    /// All rules, those of IPv4 first, each family in its order.
    pub rules: Vec<Rule>,
    /// The present values of the settings that might be changed, by key; no others.
    pub settings: BTreeMap<String, String>,
    /// The ports that the host gives to its own connections, less those that are reserved.
    pub ephemeral: Vec<Range>,
    /// Can ports be reserved here?
    pub reservable: bool,
}

/// Is IPv6 forwarded by all interfaces?
pub(super) const FORWARDING_ALL6: &str = "net/ipv6/conf/all/forwarding";
/// Exists where IPv6 can be forwarded by some interfaces alone (Linux 6.17).
pub(super) const FORCE_FORWARDING_ALL6: &str = "net/ipv6/conf/default/force_forwarding";
/// Does the kernel look for a socket of its own before it routes a packet, of either family?
pub(super) const EARLY_DEMUX: &str = "net/ipv4/ip_early_demux";
const EPHEMERAL: &str = "net/ipv4/ip_local_port_range";
/// The ports that the host gives to nobody who does not ask for them by number.
pub(super) const RESERVED: &str = "net/ipv4/ip_local_reserved_ports";

/// The key of an interface's setting.
pub(super) fn key(ipv4: bool, interface: &str, setting: &str) -> String {
    format!("net/ipv{}/conf/{interface}/{setting}", if ipv4 { 4 } else { 6 })
}

impl Host {
    /// Looks at the calling thread's namespace.
    ///
    /// # Errors
    /// The kernel does not answer, or a setting cannot be read.
    pub fn observe() -> Result<Self, UplinkError> {
        let mut netlink = Netlink::open()?;
        let interfaces = netlink.interfaces()?;
        let mut rules = netlink.rules(true)?;
        rules.extend(netlink.rules(false)?);
        let mut defaults = [BTreeSet::new(), BTreeSet::new()];
        for route in netlink.routes()? {
            if let (0, Some(interface)) = (route.destination.prefix_len(), route.interface) {
                defaults[usize::from(!route.destination.addr().is_ipv4())].insert(interface);
            }
        }
        let mut settings = BTreeMap::new();
        let own = interfaces.iter().flat_map(|one| {
            [key(true, &one.name, "forwarding"), key(false, &one.name, "force_forwarding")]
        });
        let alone = [FORWARDING_ALL6, FORCE_FORWARDING_ALL6, EARLY_DEMUX];
        for key in alone.map(str::to_owned).into_iter().chain(own) {
            if let Some(value) = value_of(&key)? {
                settings.insert(key, value);
            }
        }
        let (ephemeral, reservable) = (ephemeral()?, sysctl::is_writable(RESERVED));
        Ok(Self { interfaces, defaults, rules, settings, ephemeral, reservable })
    }

    /// All of the host's own addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.interfaces.iter().flat_map(|one| &one.addresses).map(IpNet::addr)
    }

    /// Can IPv6 be forwarded for some interfaces without all others?
    pub fn forwards_ipv6(&self) -> bool {
        self.settings.contains_key(FORCE_FORWARDING_ALL6)
            || self.settings.get(FORWARDING_ALL6).is_some_and(|value| value != "0")
    }
}

/// The present value of a setting.
pub(super) fn value_of(key: &str) -> Result<Option<String>, UplinkError> {
    sysctl::read(key).map_err(|source| UplinkError::Unreadable { key: key.to_owned(), source })
}

fn ephemeral() -> Result<Vec<Range>, UplinkError> {
    let text = value_of(EPHEMERAL)?.unwrap_or_default();
    let mut numbers = text.split_ascii_whitespace().filter_map(|number| number.parse().ok());
    let range = numbers.next().zip(numbers.next());
    Ok(ports::difference(range.as_slice(), &reserved()?))
}

/// The ports that are reserved now.
pub(super) fn reserved() -> Result<Vec<Range>, UplinkError> {
    let text = value_of(RESERVED)?.unwrap_or_default();
    ports::parse(&text)
        .map_err(|source| UplinkError::Unreadable { key: RESERVED.to_owned(), source })
}
