//! What are steps in plain words?

use super::{
    Change, EndpointChange, EndpointState, NetworkChange, NetworkState, Plan, Reason, Replacement,
    SandboxState, Step,
};
use crate::model::rules::{Rule, ports_in_words, verdict_in_words};
use crate::model::{Filter, UplinkKind, Way, storm_halves};
use dataplane::config::{ConntrackConfig, Filtering, SwitchConfig};
use std::fmt::{self, Display};

impl Display for Plan {
    /// What is made anew and why, then each step on a line; `nothing to do` if there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing to do");
        }
        for replacement in &self.replacements {
            writeln!(f, "{replacement}")?;
        }
        let width = self.steps.len().to_string().len();
        for (number, step) in (1..).zip(&self.steps) {
            let end = if number == self.steps.len() { "" } else { "\n" };
            write!(f, "{number:width$}. {step}{end}")?;
        }
        Ok(())
    }
}

impl Display for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(name, why) => {
                write!(f, "network {name} is removed and made anew with all its endpoints: {why}")
            }
            Self::Sandbox(name, why) => {
                write!(f, "sandbox {name} is removed and made anew with all its endpoints: {why}")
            }
            Self::Endpoint(sandbox, network, why) => {
                write!(
                    f,
                    "sandbox {sandbox} is disconnected from {network} and connected anew: {why}"
                )
            }
        }
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { field, from, to } => {
                write!(f, "its {field} changes from {from} to {to}, and cannot while it runs")
            }
            Self::Shares(name) => {
                write!(f, "it shares the namespace of {name}, which is made anew")
            }
        }
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateNetwork(name, state) => {
                write!(f, "network {name}: create with {}", subnets(state))
            }
            Self::RemoveNetwork(name, _) => write!(f, "network {name}: remove"),
            Self::ChangeNetwork(name, change) => write!(f, "network {name}: {change}"),
            Self::CreateWay(name, way) => {
                write!(f, "network {name}: open the way out{}", words(way))
            }
            Self::RemoveWay(name, way) => {
                write!(f, "network {name}: close the way out{}", words(way))
            }
            Self::CreateSandbox(name, state) => write!(f, "sandbox {name}: create, {state}"),
            Self::RemoveSandbox(name, state) => write!(f, "sandbox {name}: remove, {state}"),
            Self::CreateEndpoint(network, name, state) => {
                write!(f, "sandbox {name}: connect to {network} as {state}")
            }
            Self::RemoveEndpoint(network, name, state) => {
                write!(f, "sandbox {name}: disconnect {} from {network}", state.interface)
            }
            Self::ChangeEndpoint(network, name, change) => {
                write!(f, "sandbox {name}: in {network}, {change}")
            }
            Self::ChangeGateway(name, Change { to: Some(network), .. }) => {
                write!(f, "sandbox {name}: lead the default route through {network}")
            }
            Self::ChangeGateway(name, Change { to: None, .. }) => {
                write!(f, "sandbox {name}: take the default route away")
            }
            Self::AddFixed(network, mac, holder) => {
                write!(f, "network {network}: add the static MAC {mac} of {holder}")
            }
            Self::RemoveFixed(network, mac, holder) => {
                write!(f, "network {network}: remove the static MAC {mac} of {holder}")
            }
            Self::Publish(network, written) => write!(f, "network {network}: publish {written}"),
            Self::Unpublish(network, written) => {
                write!(f, "network {network}: unpublish {written}")
            }
        }
    }
}

fn subnets(state: &NetworkState) -> String {
    let identity = &state.identity;
    let v6 = identity.subnets.v6.map(|subnet| format!(", {subnet}")).unwrap_or_default();
    format!("{}{v6} and the host's interface {}", identity.subnets.v4, identity.host_interface)
}

fn words(way: &Way) -> String {
    let kind = match way.kind {
        Some(UplinkKind::Route) => " by the host's routes",
        Some(UplinkKind::None) | None => "",
    };
    let ports = way.ports.as_ref().map(|ports| format!(", ports {}", ports_in_words(ports)));
    let snat: Vec<_> = way.snat.iter().map(ToString::to_string).collect();
    let snat = if snat.is_empty() { String::new() } else { format!(", as {}", snat.join(", ")) };
    format!("{kind}{}{snat}", ports.unwrap_or_default())
}

impl Display for SandboxState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bridge(namespace, _) => write!(f, "{namespace}"),
            Self::None => f.write_str("a namespace without networks"),
            Self::Host => f.write_str("the host's namespace"),
            Self::Container(other) => write!(f, "the namespace of {other}"),
        }
    }
}

impl Display for EndpointState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = &self.addresses;
        write!(f, "{} with {}", self.interface, addresses.ipv4.addr())?;
        if let Some(ipv6) = addresses.ipv6 {
            write!(f, ", {}", ipv6.addr())?;
        }
        write!(f, ", {}", addresses.mac)
    }
}

/// `mtu from 1500 to 1400`.
fn from_to<T: Display>(f: &mut fmt::Formatter<'_>, what: &str, change: &Change<T>) -> fmt::Result {
    write!(f, "{what} from {} to {}", change.from, change.to)
}

impl Display for NetworkChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mtu(change) => from_to(f, "mtu", change),
            Self::HostOffloads(change) => from_to(f, "host-offloads", change),
            Self::SourceCheck(change) => from_to(f, "source-check", change),
            Self::Switch(change) => f.write_str(&switch(change)),
            Self::Filter(change) => f.write_str(&filter(change)),
            Self::Internal(change) => from_to(f, "internal", change),
            Self::Filtering(change) => {
                let word = |filtering| match filtering {
                    Filtering::EndpointIndependent => "endpoint-independent",
                    Filtering::Address => "address",
                    Filtering::AddressAndPort => "address-and-port",
                };
                let change = Change { from: word(change.from), to: word(change.to) };
                from_to(f, "nat.filtering", &change)
            }
            Self::Conntrack(change) => f.write_str(&conntrack(change)),
        }
    }
}

impl Display for EndpointChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Isolated(change) => from_to(f, "isolated", change),
            Self::Offloads(change) => from_to(f, "offloads", change),
            Self::Limits(change) => from_to(f, "limits", change),
        }
    }
}

/// Those of the values that differ.
fn differing<const N: usize>(
    before: [(&'static str, String); N],
    after: [(&'static str, String); N],
) -> String {
    let both = before.into_iter().zip(after);
    let differ = both.filter(|((_, from), (_, to))| from != to);
    let words: Vec<_> =
        differ.map(|((name, from), (_, to))| format!("{name} from {from} to {to}")).collect();
    words.join(", ")
}

fn switch(change: &Change<SwitchConfig>) -> String {
    let rate = |rate: Option<u64>| rate.map_or("none".to_owned(), |rate| rate.to_string());
    let values = |config: &SwitchConfig| {
        let (packets, bytes) = storm_halves(config.storm);
        [
            ("fdb.ageing", config.ageing.as_secs().to_string()),
            ("fdb.max", config.fdb_capacity.to_string()),
            ("fdb.port-max", config.fdb_port_limit.to_string()),
            ("storm.packets", rate(packets)),
            ("storm.bytes", rate(bytes)),
        ]
    };
    differing(values(&change.from), values(&change.to))
}

fn conntrack(change: &Change<ConntrackConfig>) -> String {
    let values = |config: &ConntrackConfig| {
        [
            ("conntrack.max", config.limit.to_string()),
            ("conntrack.port-max", config.port_limit.to_string()),
            ("conntrack.loose", config.loose.to_string()),
            ("conntrack.liberal", config.liberal.to_string()),
            ("conntrack.ftp", config.ftp.to_string()),
        ]
    };
    let mut words = vec![differing(values(&change.from), values(&change.to))];
    let timeouts = change.from.timeouts.all().zip(change.to.timeouts.all());
    let timeouts = timeouts.filter(|((_, from), (_, to))| from != to);
    words.extend(timeouts.map(|((name, from), (_, to))| {
        format!("timeout {name} from {} to {} s", from.as_secs(), to.as_secs())
    }));
    words.retain(|one| !one.is_empty());
    words.join(", ")
}

/// What of the filter changes: the policy, and each rule that is new or gone.
fn filter(change: &Change<Filter>) -> String {
    let Change { from, to } = change;
    let values = |filter: &Filter| {
        [("icc", filter.icc.to_string()), ("policy", verdict_in_words(filter.policy).to_owned())]
    };
    let mut words = vec![differing(values(from), values(to))];
    let missing_in = |rules: &[Rule], all: &[Rule]| -> Vec<String> {
        all.iter().filter(|rule| !rules.contains(rule)).map(Rule::to_string).collect()
    };
    let (gone, new) = (missing_in(&to.rules, &from.rules), missing_in(&from.rules, &to.rules));
    let is_order = gone.is_empty() && new.is_empty() && from.rules != to.rules;
    words.extend(gone.iter().map(|rule| format!("rule removed ({rule})")));
    words.extend(new.iter().map(|rule| format!("rule added ({rule})")));
    if is_order {
        words.push("rules in another order".to_owned());
    }
    words.retain(|one| !one.is_empty());
    words.join(", ")
}
