//! What makes a request a network?

use super::fault::MtuFault;
use super::publish::{self, Publish};
use super::rules::{self, KnownPorts, Rules};
use super::{InterfaceName, ModelError, NetworkName, NetworkRequest, RouterOptions, Subnets};
use dataplane::config::{self, ConfigError, FilterConfig, MAX_MTU, SwitchConfig, Workers};
use std::collections::BTreeSet;
use std::fmt;

/// Most ports of one network: those of the switch less the host's.
pub const MAX_PORTS: u32 = config::MAX_PORTS as u32 - 1;

/// An MTU that every interface of a network can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mtu(u16);

impl Mtu {
    /// Ethernet's.
    pub const DEFAULT: u16 = 1500;
    /// The least without IPv6: what every IPv4 host must accept (RFC 791).
    pub const LEAST: u16 = 576;
    /// The least with IPv6 (RFC 8200 section 5).
    pub const LEAST_IPV6: u16 = 1280;

    /// Checks an MTU.
    ///
    /// # Errors
    /// [`MtuFault`] if it is out of bounds.
    pub fn new(mtu: u32, ipv6: bool) -> Result<Self, MtuFault> {
        let least = if ipv6 { Self::LEAST_IPV6 } else { Self::LEAST };
        match u16::try_from(mtu) {
            Ok(fits) if (least..=MAX_MTU).contains(&fits) => Ok(Self(fits)),
            _ => Err(MtuFault { mtu, least }),
        }
    }

    /// In bytes.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A network that can be built as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    pub(super) name: NetworkName,
    pub(super) host_interface: InterfaceName,
    pub(super) ports: u32,
    pub(super) subnets: Subnets,
    pub(super) mtu: Mtu,
    pub(super) isolated: BTreeSet<u32>,
    pub(super) plain: BTreeSet<u32>,
    pub(super) publish: Vec<Publish>,
    pub(super) check_source: bool,
    pub(super) switch: SwitchConfig,
    pub(super) workers: Workers,
    pub(super) filter: FilterConfig,
    pub(super) internal: bool,
    pub(super) router: RouterOptions,
    /// Names and addresses of the ports, where they do not follow from numbers.
    pub(super) members: Option<Box<super::members::Named>>,
}

impl Network {
    /// Proves a request valid for the subnets that were chosen.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn new(request: &NetworkRequest, subnets: Subnets) -> Result<Self, ModelError> {
        let name = request.name()?;
        let host_interface = host_interface(request)?;
        let ports = check_ports(request.ports, &subnets)?;
        if (1..=ports).any(|number| name.port(number) == host_interface.as_str()) {
            return Err(ModelError::InterfaceIsPort(host_interface.to_string()));
        }
        let mtu = Mtu::new(request.mtu, subnets.v6.is_some())?;
        let isolated = numbers("--isolate", &request.isolate, request.isolate_all, 1, ports)?;
        let plain =
            numbers("--no-offloads", &request.no_offloads, request.no_offloads_all, 0, ports)?;
        let publish = publish::read_all(&request.publish, &name, ports, &subnets)?;
        let switch = switch(request, ports)?;
        let workers = workers(request)?;
        let router = router(request, &subnets)?;
        let check_source = request.check_source;
        let filter = filter(request, &name, ports)?;
        let internal = request.internal;
        Ok(Self {
            name,
            host_interface,
            ports,
            subnets,
            mtu,
            isolated,
            plain,
            publish,
            check_source,
            switch,
            workers,
            filter,
            internal,
            router,
            members: None,
        })
    }

    /// The network's name.
    pub fn name(&self) -> &NetworkName {
        &self.name
    }

    /// The name of the interface that the host reaches the network through.
    pub fn host_interface(&self) -> &InterfaceName {
        &self.host_interface
    }

    /// How many ports there are, the host's not counted; they are numbered from 1.
    pub fn ports(&self) -> u32 {
        self.ports
    }

    /// The subnets.
    pub fn subnets(&self) -> Subnets {
        self.subnets
    }

    /// The MTU of every interface.
    pub fn mtu(&self) -> Mtu {
        self.mtu
    }

    /// Does port `number` reach only ports that are not isolated?
    pub fn is_isolated(&self, number: u32) -> bool {
        self.isolated.contains(&number)
    }

    /// Does port `number` (0 for the host's) get complete frames only?
    pub fn is_plain(&self, number: u32) -> bool {
        self.plain.contains(&number)
    }

    /// Are frames with a source MAC that is not the port's dropped?
    pub fn checks_source(&self) -> bool {
        self.check_source
    }

    /// The published ports, as they were written; no two of them overlap.
    pub fn publish(&self) -> &[Publish] {
        &self.publish
    }

    /// How the switch behaves.
    pub fn switch(&self) -> &SwitchConfig {
        &self.switch
    }

    /// How many threads forward.
    pub fn workers(&self) -> Workers {
        self.workers
    }

    /// What may pass.
    pub fn filter(&self) -> &FilterConfig {
        &self.filter
    }

    /// Is there no way to the outside and back?
    pub fn is_internal(&self) -> bool {
        self.internal
    }

    /// What the router is to do.
    pub fn router(&self) -> &RouterOptions {
        &self.router
    }
}

fn host_interface(request: &NetworkRequest) -> Result<InterfaceName, ModelError> {
    match &request.host_if {
        Some(text) => Ok(text.parse()?),
        // A network's name can still be one that the kernel keeps for itself.
        None => Ok(request.name.parse::<InterfaceName>()?),
    }
}

/// Checks the number of ports against the switch and against the subnets' addresses.
fn check_ports(ports: u32, subnets: &Subnets) -> Result<u32, ModelError> {
    if ports == 0 {
        return Err(ModelError::NoPorts);
    }
    if ports > MAX_PORTS {
        return Err(ModelError::TooManyPorts(ports));
    }
    // Network, broadcast and bridge address are not for ports; IPv6 has the anycast address of the
    // routers (RFC 4291 section 2.6.1) in place of the first and no broadcast.
    let holds = room(32, subnets.v4.prefix_len(), 3);
    if ports > holds {
        let (subnet, prefix) = (subnets.v4, prefix_for(32, ports, 3));
        return Err(ModelError::SubnetFull { ports, subnet, holds, prefix });
    }
    if let Some(subnet) = subnets.v6 {
        let holds = room(128, subnet.prefix_len(), 2);
        if ports > holds {
            let prefix = prefix_for(128, ports, 2);
            return Err(ModelError::Subnet6Full { ports, subnet, holds, prefix });
        }
    }
    Ok(ports)
}

fn router(request: &NetworkRequest, subnets: &Subnets) -> Result<RouterOptions, ModelError> {
    let options = RouterOptions::new(&request.router, request.internal)?;
    match options.snat.iter().find(|address| address.is_ipv6()) {
        Some(&address) if subnets.v6.is_none() => Err(ModelError::SnatNoIpv6(address)),
        _ => Ok(options),
    }
}

fn filter(
    request: &NetworkRequest,
    name: &NetworkName,
    ports: u32,
) -> Result<FilterConfig, ModelError> {
    let known = KnownPorts { network: name, count: ports };
    let read = request.rules.as_ref().map(|file| rules::parse(file, known)).transpose()?;
    let Rules { rules, policy } = read.unwrap_or_default();
    Ok(FilterConfig { rules, policy, icc: request.icc })
}

/// Settings that the switch takes: asked here, for later the network would be made already.
fn switch(request: &NetworkRequest, ports: u32) -> Result<SwitchConfig, ModelError> {
    let switch = SwitchConfig {
        ageing: request.ageing,
        fdb_capacity: request.fdb_capacity,
        fdb_port_limit: request.fdb_port_limit,
        storm: request.storm,
    };
    check_switch(switch, ports as usize)
}

fn workers(request: &NetworkRequest) -> Result<Workers, ModelError> {
    let refused = |error| ModelError::Switch { option: "--workers", error };
    Workers::new(request.workers).map_err(refused)
}

/// Settings that a switch takes with so many static MACs, each port's own among them, besides the host's.
pub(super) fn check_switch(switch: SwitchConfig, macs: usize) -> Result<SwitchConfig, ModelError> {
    match switch.check(macs + 1) {
        Ok(()) => Ok(switch),
        Err(error) => Err(ModelError::Switch { option: option_of(&error, &switch), error }),
    }
}

fn option_of(error: &ConfigError, switch: &SwitchConfig) -> &'static str {
    match error {
        ConfigError::Ageing => "--fdb-ageing",
        ConfigError::FdbCapacity { .. } => "--fdb-max",
        ConfigError::FdbPortLimit => "--fdb-port-max",
        ConfigError::Storm if switch.storm.is_some_and(|storm| storm.frames_per_second == 0) => {
            "--storm-packets"
        }
        ConfigError::Storm => "--storm-bytes",
        // Of ports, which are not looked at here.
        _ => "the switch",
    }
}

/// How many ports a subnet has addresses for, when `taken` of its addresses are not for ports.
pub(crate) fn room(width: u8, prefix: u8, taken: u32) -> u32 {
    let bits = u32::from(width.saturating_sub(prefix));
    1_u32.checked_shl(bits).map_or(u32::MAX, |size| size.saturating_sub(taken))
}

/// The longest prefix whose subnet holds `ports`, at most [`MAX_PORTS`].
pub(super) fn prefix_for(width: u8, ports: u32, taken: u32) -> u8 {
    let bits = (ports + taken).next_power_of_two().trailing_zeros();
    // At most 11 bits for 1023 ports.
    width.saturating_sub(bits as u8)
}

/// Checks the numbers of ports that an option names.
fn numbers(
    option: &'static str,
    named: &[u32],
    all: bool,
    first: u32,
    last: u32,
) -> Result<BTreeSet<u32>, ModelError> {
    if let Some(&port) = named.iter().find(|port| !(first..=last).contains(*port)) {
        return Err(ModelError::UnknownPort { option, port, first, last });
    }
    Ok(if all { (first..=last).collect() } else { named.iter().copied().collect() })
}

#[cfg(test)]
mod tests {
    use super::super::UplinkKind;
    use super::super::rules::RulesFile;
    use super::*;
    use dataplane::config::{Action, StormLimit};
    use std::time::Duration;

    fn subnets(v4: &str, v6: Option<&str>) -> Subnets {
        Subnets { v4: v4.parse().unwrap(), v6: v6.map(|text| text.parse().unwrap()) }
    }

    fn refusal(v4: &str, v6: Option<&str>, change: impl Fn(&mut NetworkRequest)) -> String {
        let mut request = NetworkRequest::new("ub0", 3);
        change(&mut request);
        Network::new(&request, subnets(v4, v6)).unwrap_err().to_string()
    }

    #[test]
    fn defaults_make_a_network_named_like_its_host_interface() {
        let network = Network::new(
            &NetworkRequest::new("ub0", 253),
            subnets("172.16.1.0/24", Some("fd00::/64")),
        )
        .unwrap();
        assert_eq!(network.host_interface().as_str(), "ub0");
        assert_eq!((network.ports(), network.mtu().get()), (253, 1500));
        assert!(!network.is_isolated(1) && !network.is_plain(0) && network.checks_source());
    }

    #[test]
    fn the_number_of_ports_is_bounded_by_the_switch_and_the_subnets() {
        let small = "10.0.0.0/30";
        assert!(refusal(small, None, |r| r.ports = 0).contains("--ports 0"));
        assert!(refusal("10.0.0.0/8", None, |r| r.ports = 1024).contains("1 to 1023"));
        assert!(refusal(small, None, |r| r.ports = 2).contains("/29 or shorter"));
        assert!(refusal("10.0.0.0/24", None, |r| r.ports = 254).contains("holds (253"));
        assert!(refusal("10.0.0.0/8", Some("fd00::/126"), |r| r.ports = 3).contains("/125"));
        let most = NetworkRequest::new("ub0", 1023);
        assert!(Network::new(&most, subnets("10.0.0.0/21", Some("fd00::/117"))).is_ok());
    }

    #[test]
    fn a_setting_that_the_switch_does_not_take_is_refused_by_its_option() {
        let refused = |change: &dyn Fn(&mut NetworkRequest)| refusal("10.0.0.0/24", None, change);
        assert!(refused(&|r| r.ageing = Duration::ZERO).starts_with("--fdb-ageing: "));
        assert!(
            refused(&|r| r.fdb_capacity = 4).starts_with("--fdb-max: the FDB must hold 5 MACs")
        );
        assert!(refused(&|r| r.fdb_capacity = usize::MAX).starts_with("--fdb-max: "));
        assert!(refused(&|r| r.fdb_port_limit = 0).starts_with("--fdb-port-max: "));
        let words = "--workers: there must be 1 to 16 workers, not 17";
        assert_eq!(refused(&|r| r.workers = 17), words);
        assert!(refused(&|r| r.workers = 0).starts_with("--workers: "));
        let storm = |frames_per_second, bytes_per_second| {
            let limit = StormLimit { frames_per_second, bytes_per_second };
            refused(&|r| r.storm = Some(limit))
        };
        assert!(storm(0, 1).starts_with("--storm-packets: "));
        assert!(storm(1, 0).starts_with("--storm-bytes: "));
    }

    #[test]
    fn the_mtu_is_bounded_below_by_ipv6_if_there_is_any() {
        let v4 = "10.0.0.0/24";
        assert!(refusal(v4, None, |r| r.mtu = 575).contains("576 to 65521"));
        assert!(refusal(v4, Some("fd00::/64"), |r| r.mtu = 1279).contains("--subnet6 none"));
        for mtu in [65_522, 65_536, u32::MAX] {
            assert!(refusal(v4, None, |r| r.mtu = mtu).contains(&mtu.to_string()));
        }
        assert!(Mtu::new(576, false).is_ok() && Mtu::new(1280, true).is_ok());
        assert!(Mtu::new(65_521, true).is_ok());
    }

    #[test]
    fn names_that_clash_within_the_network_are_refused() {
        let v4 = "10.0.0.0/24";
        assert!(refusal(v4, None, |r| r.host_if = Some("ub0-3".into())).contains("name of a port"));
        assert!(refusal(v4, None, |r| r.host_if = Some(String::new())).contains("--host-if"));
        assert!(refusal(v4, None, |r| r.name = "default".into()).contains("keeps for itself"));
        assert!(refusal(v4, None, |r| r.name = "a/b".into()).contains("'/'"));
    }

    #[test]
    fn translation_that_nothing_could_use_is_refused() {
        let v4 = "10.0.0.0/24";
        let text = refusal(v4, None, |r| r.router.snat = vec!["2001:db8::1".parse().unwrap()]);
        assert!(text.starts_with("--snat 2001:db8::1: the network has no IPv6"), "{text}");
        let internal = |change: &dyn Fn(&mut NetworkRequest)| {
            refusal(v4, None, |r| {
                r.internal = true;
                change(r);
            })
        };
        let by_ports = internal(&|r| r.router.nat_ports = Some("5000-6000".to_owned()));
        assert!(by_ports.starts_with("--nat-ports") && by_ports.contains("--internal"));
        let by_kind = internal(&|r| r.router.uplink = Some(UplinkKind::Route));
        assert!(by_kind.starts_with("--uplink route") && by_kind.contains("--internal"));
    }

    #[test]
    fn rules_are_read_with_the_network_in_sight() {
        let with = |text: &str| {
            let file = RulesFile { path: "r.toml".to_owned(), text: text.to_owned() };
            let rules = Some(file);
            let request = NetworkRequest { rules, icc: false, ..NetworkRequest::new("ub0", 3) };
            Network::new(&request, subnets("10.0.0.0/24", None))
        };
        let rule = "version = 1\npolicy = 'drop'\n[[rule]]\nverdict = 'accept'\nto = 'ub0-";
        let network = with(&format!("{rule}3'")).unwrap();
        let FilterConfig { rules, policy, icc } = network.filter();
        assert_eq!((rules.len(), *policy, *icc), (1, Action::Drop, false));
        let refused = with(&format!("{rule}4'")).unwrap_err().to_string();
        assert!(refused.starts_with("--rules r.toml:5:6: to: there is no port"), "{refused}");
    }

    #[test]
    fn options_that_name_a_port_must_name_one_of_the_network() {
        let v4 = "10.0.0.0/24";
        assert!(refusal(v4, None, |r| r.isolate = vec![1, 0]).contains("--isolate 0"));
        assert!(refusal(v4, None, |r| r.isolate = vec![4]).contains("1 to 3"));
        assert!(refusal(v4, None, |r| r.no_offloads = vec![4]).contains("0 to 3"));
        let mut request = NetworkRequest::new("ub0", 3);
        request.isolate_all = true;
        request.no_offloads = vec![0, 2];
        let network = Network::new(&request, subnets(v4, None)).unwrap();
        assert!((1..=3).all(|number| network.is_isolated(number)) && !network.is_isolated(0));
        assert_eq!([0, 1, 2, 3].map(|number| network.is_plain(number)), [true, false, true, false]);
    }
}
