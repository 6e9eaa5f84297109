//! What makes a request a network?

use super::bounds::{Mtu, check_ports};
use super::publish::{self, Publish};
use super::rules::{self, KnownPorts, Rules};
use super::switch::{switch, workers};
use super::{InterfaceName, ModelError, NetworkName, NetworkRequest, RouterOptions, Subnets};
use dataplane::config::{FilterConfig, SwitchConfig, Workers};
use std::collections::BTreeSet;

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
pub(super) mod tests {
    use super::super::UplinkKind;
    use super::super::rules::RulesFile;
    use super::*;
    use dataplane::config::Action;

    pub(in crate::model) fn subnets(v4: &str, v6: Option<&str>) -> Subnets {
        Subnets { v4: v4.parse().unwrap(), v6: v6.map(|text| text.parse().unwrap()) }
    }

    /// Why no network can have this subnet and what is changed of the request for three ports.
    pub(in crate::model) fn refusal(
        v4: &str,
        v6: Option<&str>,
        change: impl Fn(&mut NetworkRequest),
    ) -> String {
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
