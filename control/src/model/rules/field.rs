//! What does the value of a field mean?

use super::KnownSandboxes;
use super::error::{Misplaced, RulesProblem};
use super::rule::{NETWORK, Place};
use dataplane::config::Action;
use dataplane::flow::FlowState;
use dataplane::wire::{icmp, tcp, udp};
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::DeValue;

/// A value and where it stands.
pub(crate) type Value<'a> = Spanned<DeValue<'a>>;

/// The one version that there is.
const VERSION: u64 = 1;

/// Accepts [`VERSION`] alone.
pub(crate) fn version(value: &Value<'_>) -> Result<(), Misplaced> {
    if whole(value) == Some(VERSION) {
        return Ok(());
    }
    Err(Misplaced::new(value.span(), RulesProblem::Version))
}

/// What becomes of a packet.
pub(super) fn verdict(field: &'static str, value: &Value<'_>) -> Result<Action, Misplaced> {
    match text(field, value)? {
        "accept" => Ok(Action::Accept),
        "drop" => Ok(Action::Drop),
        "reject" => Ok(Action::Reject),
        other => {
            let given = other.to_owned();
            Err(Misplaced::new(value.span(), RulesProblem::Verdict { field, given }))
        }
    }
}

/// A sandbox of the network, another network, or one of the places that each network has.
pub(super) fn place(
    field: &'static str,
    value: &Value<'_>,
    sandboxes: &dyn KnownSandboxes,
) -> Result<Place, Misplaced> {
    match text(field, value)? {
        "namespaces" => Ok(Place::Namespaces),
        "host" => Ok(Place::Host),
        "outside" => Ok(Place::Outside),
        name => {
            let found = match name.strip_prefix(NETWORK) {
                Some(network) => sandboxes.other(field, network).map(Place::Network),
                None => sandboxes.find(field, name).map(Place::Sandbox),
            };
            found.map_err(|problem| Misplaced::new(value.span(), problem))
        }
    }
}

/// A protocol by name or number.
pub(super) fn protocol(value: &Value<'_>) -> Result<u8, Misplaced> {
    let refuse = |problem| Err(Misplaced::new(value.span(), problem));
    match value.get_ref() {
        DeValue::String(name) => match name.as_ref() {
            "tcp" => Ok(tcp::PROTOCOL),
            "udp" => Ok(udp::PROTOCOL),
            "icmp" => Ok(icmp::PROTOCOL),
            "icmpv6" => Ok(icmp::PROTOCOL_V6),
            other => refuse(RulesProblem::Protocol(other.to_owned())),
        },
        DeValue::Integer(_) => match whole(value).and_then(|number| u8::try_from(number).ok()) {
            Some(number) => Ok(number),
            None => refuse(RulesProblem::ProtocolNumber),
        },
        _ => refuse(RulesProblem::Type { field: "protocol", expected: "a name or a number" }),
    }
}

/// One or several prefixes.
pub(super) fn prefixes(field: &'static str, value: &Value<'_>) -> Result<Vec<IpNet>, Misplaced> {
    each(field, value, |value| prefix(field, value))
}

fn prefix(field: &'static str, value: &Value<'_>) -> Result<IpNet, Misplaced> {
    let text = text(field, value)?;
    let refuse = |problem| Err(Misplaced::new(value.span(), problem));
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let Ok(given) = text.parse::<IpNet>() else {
        return refuse(RulesProblem::Prefix { field, given: text.to_owned() });
    };
    let right = given.trunc();
    if given != right {
        return refuse(RulesProblem::HostBits { field, given, right });
    }
    Ok(right)
}

/// One or several ports or ranges of ports.
pub(super) fn ports(
    field: &'static str,
    value: &Value<'_>,
) -> Result<Vec<RangeInclusive<u16>>, Misplaced> {
    each(field, value, |value| port_range(field, value))
}

fn port_range(field: &'static str, value: &Value<'_>) -> Result<RangeInclusive<u16>, Misplaced> {
    let refuse = |problem| Err(Misplaced::new(value.span(), problem));
    if let DeValue::Integer(_) = value.get_ref() {
        return match whole(value).and_then(|number| u16::try_from(number).ok()) {
            Some(port) if port != 0 => Ok(port..=port),
            _ => refuse(RulesProblem::PortNumber(field)),
        };
    }
    let DeValue::String(text) = value.get_ref() else {
        let expected = "a port's number, a range like \"8000-8010\", or a list of them";
        return refuse(RulesProblem::Type { field, expected });
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        (Some(first), Some(last)) => refuse(RulesProblem::PortsBackwards { field, first, last }),
        _ => refuse(RulesProblem::Port { field, given: text.to_string() }),
    }
}

fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

/// One or several states.
pub(super) fn states(value: &Value<'_>) -> Result<Vec<FlowState>, Misplaced> {
    each("state", value, |value| {
        let name = text("state", value)?;
        FlowState::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| Misplaced::new(value.span(), RulesProblem::State(name.to_owned())))
    })
}

/// All values of a list, or the one value that is no list.
fn each<T>(
    field: &'static str,
    value: &Value<'_>,
    one: impl Fn(&Value<'_>) -> Result<T, Misplaced>,
) -> Result<Vec<T>, Misplaced> {
    match value.get_ref() {
        DeValue::Array(list) if list.is_empty() => {
            Err(Misplaced::new(value.span(), RulesProblem::EmptyList(field)))
        }
        DeValue::Array(list) => list.iter().map(one).collect(),
        _ => Ok(vec![one(value)?]),
    }
}

fn text<'a>(field: &'static str, value: &'a Value<'_>) -> Result<&'a str, Misplaced> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text),
        _ => {
            let expected = "text in quotation marks";
            Err(Misplaced::new(value.span(), RulesProblem::Type { field, expected }))
        }
    }
}

/// A whole number that is not negative.
fn whole(value: &Value<'_>) -> Option<u64> {
    match value.get_ref() {
        DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
        _ => None,
    }
}
