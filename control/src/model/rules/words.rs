//! How are the values of rules written for people?
//!
//! In the words of the file: what is printed here can be read there.

use super::NetworkName;
use super::rule::NETWORK;
use dataplane::config::{Action, Place};
use dataplane::wire::{icmp, tcp, udp};
use std::ops::RangeInclusive;

/// A place as this network sees it: `ub0-1`, `outside`, `network:ub1`.
pub fn place_in_words(place: Place, network: &NetworkName) -> String {
    match place {
        Place::Port(port) => network.port(port.0.into()),
        Place::Namespaces => "namespaces".to_owned(),
        Place::Host => "host".to_owned(),
        Place::Network(id) => match NetworkName::of_id(id) {
            Some(name) => format!("{NETWORK}{name}"),
            None => format!("{NETWORK}{}", id.0),
        },
        Place::Outside => "outside".to_owned(),
    }
}

/// A protocol by its name, if it has one in the file, or by its number.
pub fn protocol_in_words(protocol: u8) -> String {
    match protocol {
        tcp::PROTOCOL => "tcp".to_owned(),
        udp::PROTOCOL => "udp".to_owned(),
        icmp::PROTOCOL => "icmp".to_owned(),
        icmp::PROTOCOL_V6 => "icmpv6".to_owned(),
        number => number.to_string(),
    }
}

/// A port, or a range of them: `80`, `8000-8010`.
pub fn ports_in_words(ports: &RangeInclusive<u16>) -> String {
    match (ports.start(), ports.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }
}

/// What becomes of a packet.
pub fn verdict_in_words(action: Action) -> &'static str {
    match action {
        Action::Accept => "accept",
        Action::Drop => "drop",
        Action::Reject => "reject",
    }
}
