//! How is a file of networks written?
//!
//! Fields in the order of the reference, tables by name: the same [`Spec`] is always the same text.

use super::field::quoted;
use super::{
    ConntrackSpec, EndpointSpec, FdbSpec, Field, FilteringWord, LimitsSpec, NatSpec, NetworkSpec,
    PolicyWord, ProfileWord, Rate, SandboxSpec, Spec, StormSpec, UplinkWord, VERSION,
};
use crate::model::rules::{Rule, ports_in_words, protocol_in_words, verdict_in_words};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;

/// Remarks by field: each is a comment below the head of the field's table.
pub type Notes = BTreeMap<Field, String>;

impl Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(&Notes::new()))
    }
}

impl Spec {
    /// The text of the file, with remarks.
    pub fn print(&self, notes: &Notes) -> String {
        let mut page = Page { text: format!("version = {VERSION}\n"), notes };
        for (name, network) in &self.networks {
            page.head(&Field::network(name, ""), false);
            page.fields(&network_fields(network));
            for (index, rule) in network.rules.iter().enumerate() {
                page.head(&Field::network(name, "rules").index(index), true);
                page.fields(&rule_fields(rule));
            }
        }
        for (name, sandbox) in &self.sandboxes {
            page.head(&Field::sandbox(name), false);
            page.fields(&sandbox_fields(sandbox));
            for (network, endpoint) in &sandbox.endpoints.0 {
                page.head(&Field::endpoint(name, network), false);
                page.fields(&endpoint_fields(endpoint));
            }
        }
        page.text
    }
}

/// A field's name and its value in TOML; `None` if it is left out.
type Line = (&'static str, Option<String>);

struct Page<'a> {
    text: String,
    notes: &'a Notes,
}

impl Page<'_> {
    fn head(&mut self, field: &Field, is_list: bool) {
        let head = match field.parent() {
            Some(list) if is_list => format!("[[{list}]]"),
            _ => format!("[{field}]"),
        };
        self.text += &format!("\n{head}\n");
        if let Some(note) = self.notes.get(field) {
            self.text += &format!("# {note}\n");
        }
    }

    fn fields(&mut self, lines: &[Line]) {
        for (key, value) in lines {
            if let Some(value) = value {
                self.text += &format!("{key} = {value}\n");
            }
        }
    }
}

/// Text as TOML has it.
fn text(value: impl Display) -> String {
    let mut quoted = String::from('"');
    for c in value.to_string().chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn texts<T: Display>(values: &[T]) -> Option<String> {
    let list = || values.iter().map(text).collect::<Vec<_>>().join(", ");
    (!values.is_empty()).then(|| format!("[{}]", list()))
}

/// A list of which one value stands alone.
fn one_or_more<T>(values: &[T], words: impl Fn(&T) -> String) -> Option<String> {
    let words: Vec<_> = values.iter().map(words).collect();
    match &words[..] {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(format!("[{}]", many.join(", "))),
    }
}

fn number<T: Display>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// A table in one line; `None` if nothing is in it.
fn inline(lines: &[Line]) -> Option<String> {
    let given =
        lines.iter().filter_map(|(key, value)| Some(format!("{key} = {}", value.as_ref()?)));
    let given: Vec<_> = given.collect();
    (!given.is_empty()).then(|| format!("{{ {} }}", given.join(", ")))
}

/// A table of names that the user chose, in one line.
fn pairs<V: Display>(pairs: &BTreeMap<String, V>) -> Option<String> {
    let given: Vec<_> =
        pairs.iter().map(|(key, value)| format!("{} = {value}", quoted(key))).collect();
    (!given.is_empty()).then(|| format!("{{ {} }}", given.join(", ")))
}

fn network_fields(network: &NetworkSpec) -> Vec<Line> {
    let policy = |word| match word {
        PolicyWord::Accept => "accept",
        PolicyWord::Drop => "drop",
        PolicyWord::Reject => "reject",
    };
    let uplink = |word| match word {
        UplinkWord::Route => "route",
        UplinkWord::None => "none",
    };
    vec![
        ("subnet", network.subnet.as_ref().map(text)),
        ("subnet6", network.subnet6.as_ref().map(text)),
        ("mtu", number(network.mtu)),
        ("host-interface", network.host_interface.as_ref().map(text)),
        ("host-offloads", number(network.host_offloads)),
        ("uplink", network.uplink.map(uplink).map(text)),
        ("internal", number(network.internal)),
        ("icc", number(network.icc)),
        ("policy", network.policy.map(policy).map(text)),
        ("source-check", number(network.source_check)),
        ("workers", number(network.workers)),
        ("fdb", fdb(&network.fdb)),
        ("storm", storm(&network.storm)),
        ("nat", nat(&network.nat)),
        ("conntrack", conntrack(&network.conntrack)),
        ("publish", publish(&network.publish)),
    ]
}

/// One published port a line: they are compared by eye.
fn publish(list: &[String]) -> Option<String> {
    match list {
        [] | [_] => texts(list),
        many => {
            let lines: String = many.iter().map(|one| format!("    {},\n", text(one))).collect();
            Some(format!("[\n{lines}]"))
        }
    }
}

fn fdb(fdb: &FdbSpec) -> Option<String> {
    let fixed = fdb.fixed.iter().map(|(mac, holder)| (mac.clone(), text(holder))).collect();
    inline(&[
        ("ageing", number(fdb.ageing)),
        ("max", number(fdb.max)),
        ("port-max", number(fdb.port_max)),
        ("static", pairs(&fixed)),
    ])
}

fn storm(storm: &StormSpec) -> Option<String> {
    let rate = |rate| match rate {
        Rate::Limited(rate) => u64::to_string(&rate),
        Rate::Unlimited(_) => text("none"),
    };
    inline(&[("packets", storm.packets.map(rate)), ("bytes", storm.bytes.map(rate))])
}

fn nat(nat: &NatSpec) -> Option<String> {
    let filtering = |word| match word {
        FilteringWord::EndpointIndependent => "endpoint-independent",
        FilteringWord::Address => "address",
        FilteringWord::AddressAndPort => "address-and-port",
    };
    inline(&[
        ("ports", nat.ports.as_ref().map(text)),
        ("filtering", nat.filtering.map(filtering).map(text)),
        ("snat", texts(&nat.snat)),
    ])
}

fn conntrack(conntrack: &ConntrackSpec) -> Option<String> {
    let profile = |word| match word {
        ProfileWord::Linux => "linux",
        ProfileWord::Rfc => "rfc",
    };
    inline(&[
        ("max", number(conntrack.max)),
        ("port-max", number(conntrack.port_max)),
        ("profile", conntrack.profile.map(profile).map(text)),
        ("timeouts", pairs(&conntrack.timeouts)),
        ("loose", number(conntrack.loose)),
        ("liberal", number(conntrack.liberal)),
        ("ftp", number(conntrack.ftp)),
    ])
}

fn rule_fields(rule: &Rule) -> Vec<Line> {
    let protocol = |number| match protocol_in_words(number) {
        name if name.parse::<u8>().is_ok() => name,
        name => text(name),
    };
    let port = |ports: &RangeInclusive<u16>| match ports_in_words(ports) {
        one if ports.start() == ports.end() => one,
        range => text(range),
    };
    let prefix = |net: &IpNet| {
        let is_host = net.prefix_len() == net.max_prefix_len();
        if is_host { text(net.addr()) } else { text(net) }
    };
    vec![
        ("from", rule.from.as_ref().map(text)),
        ("to", rule.to.as_ref().map(text)),
        ("protocol", rule.protocol.map(protocol)),
        ("source", one_or_more(&rule.sources, prefix)),
        ("destination", one_or_more(&rule.destinations, prefix)),
        ("source-port", one_or_more(&rule.source_ports, port)),
        ("port", one_or_more(&rule.destination_ports, port)),
        ("state", one_or_more(&rule.states, |state| text(state.name()))),
        ("verdict", Some(text(verdict_in_words(rule.action)))),
    ]
}

fn sandbox_fields(sandbox: &SandboxSpec) -> Vec<Line> {
    vec![
        ("mode", sandbox.mode.as_ref().map(text)),
        ("namespace", sandbox.namespace.as_ref().map(text)),
        ("pid", number(sandbox.pid)),
    ]
}

fn endpoint_fields(endpoint: &EndpointSpec) -> Vec<Line> {
    vec![
        ("interface", endpoint.interface.as_ref().map(text)),
        ("address", endpoint.address.as_ref().map(text)),
        ("address6", endpoint.address6.as_ref().map(text)),
        ("mac", endpoint.mac.as_ref().map(text)),
        ("isolated", number(endpoint.isolated)),
        ("offloads", number(endpoint.offloads)),
        ("gateway", number(endpoint.gateway)),
        ("limits", limits(&endpoint.limits)),
    ]
}

fn limits(limits: &LimitsSpec) -> Option<String> {
    inline(&[
        ("flows", number(limits.flows)),
        ("new-flows", number(limits.new_flows)),
        ("packets-in", number(limits.packets_in)),
        ("packets-out", number(limits.packets_out)),
        ("bytes-in", number(limits.bytes_in)),
        ("bytes-out", number(limits.bytes_out)),
    ])
}
