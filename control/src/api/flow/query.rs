//! How is a filter written in a request?
//!
//! As its query: `protocol=6&orig-dst=198.51.100.0/24`. Protocols may be names.

use super::Family;
use super::filter::{FilterError, FlowFilter, STATES};
use ipnet::IpNet;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::str::FromStr;

/// The names of protocols that are understood.
const PROTOCOLS: [(&str, u8); 11] = [
    ("icmp", 1),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("sctp", 132),
    ("udplite", 136),
];

impl FlowFilter {
    fn set(&mut self, part: &str, value: &str) -> Result<(), FilterError> {
        match part {
            "family" => self.family = Some(family(value)?),
            "protocol" => self.protocol = Some(protocol(value)?),
            "orig-src" => self.original_source = Some(network("orig-src", value)?),
            "orig-dst" => self.original_destination = Some(network("orig-dst", value)?),
            "reply-src" => self.reply_source = Some(network("reply-src", value)?),
            "reply-dst" => self.reply_destination = Some(network("reply-dst", value)?),
            "orig-port-src" => self.original_source_port = Some(number("orig-port-src", value)?),
            "orig-port-dst" => {
                self.original_destination_port = Some(number("orig-port-dst", value)?);
            }
            "state" => self.state = Some(state(value)?),
            "port" => self.port = Some(value.to_owned()),
            _ => return Err(FilterError::UnknownPart(part.to_owned())),
        }
        Ok(())
    }
}

/// The family of this name.
///
/// # Errors
/// `Value`; so with the others.
pub fn family(value: &str) -> Result<Family, FilterError> {
    match value {
        "ipv4" => Ok(Family::Ipv4),
        "ipv6" => Ok(Family::Ipv6),
        _ => Err(refuse("family", value, "ipv4 or ipv6")),
    }
}

/// The protocol of this name or number.
///
/// # Errors
/// As of [`family`].
pub fn protocol(value: &str) -> Result<u8, FilterError> {
    let named = PROTOCOLS.iter().find(|(name, _)| *name == value).map(|(_, number)| *number);
    named
        .or_else(|| value.parse().ok())
        .ok_or_else(|| refuse("protocol", value, "protocol like tcp, or number up to 255"))
}

/// An address, or a network like 10.0.0.0/8.
///
/// # Errors
/// As of [`family`].
pub fn network(part: &'static str, value: &str) -> Result<IpNet, FilterError> {
    let net = value.parse().or_else(|_| value.parse::<IpAddr>().map(IpNet::from));
    net.map_err(|_| refuse(part, value, "address or network like 10.0.0.0/8"))
}

/// One of [`STATES`], in upper or lower case.
///
/// # Errors
/// As of [`family`].
pub fn state(value: &str) -> Result<String, FilterError> {
    let upper = value.to_ascii_uppercase();
    let known = STATES.contains(&upper.as_str());
    known.then_some(upper).ok_or_else(|| refuse("state", value, "state like ESTABLISHED"))
}

fn number<T: FromStr>(part: &'static str, value: &str) -> Result<T, FilterError> {
    value.parse().map_err(|_| refuse(part, value, "number in range"))
}

fn refuse(part: &'static str, value: &str, wanted: &'static str) -> FilterError {
    FilterError::Value { part, value: value.to_owned(), wanted }
}

/// The query of a request; empty for all flows.
impl fmt::Display for FlowFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: Option<&dyn ToString>| value.map(ToString::to_string);
        let mut parts = vec![
            ("family", self.family.map(|family| family.name().to_owned())),
            ("protocol", self.protocol.map(|number| number.to_string())),
            ("orig-port-src", self.original_source_port.map(|port| port.to_string())),
            ("orig-port-dst", self.original_destination_port.map(|port| port.to_string())),
            ("state", self.state.clone()),
            ("port", self.port.clone()),
        ];
        let addresses = self.addresses();
        parts.extend(addresses.map(|(part, net)| (part, text(net.as_ref().map(|net| net as _)))));
        let given = parts.into_iter().filter_map(|(part, value)| Some((part, value?)));
        for (index, (part, value)) in given.enumerate() {
            if index > 0 {
                f.write_char('&')?;
            }
            write!(f, "{part}={}", Encoded(&value))?;
        }
        Ok(())
    }
}

impl FromStr for FlowFilter {
    type Err = FilterError;

    /// Reads a query and checks it.
    fn from_str(query: &str) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (part, value) = pair.split_once('=').unwrap_or((pair, ""));
            filter.set(part, &decode(value))?;
        }
        filter.check()?;
        Ok(filter)
    }
}

/// A value with all but a few harmless characters percent-encoded (RFC 3986 2.1).
pub(in crate::api) struct Encoded<'v>(pub(in crate::api) &'v str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._:/".contains(&byte) {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// The value that was encoded; what is no encoding stays as it is.
pub(in crate::api) fn decode(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        rest = match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                &after[2..]
            }
            _ => {
                bytes.push(first);
                after
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataplane::wire::tcp;
    use proptest::prelude::*;

    fn filter(query: &str) -> FlowFilter {
        query.parse().unwrap()
    }

    #[test]
    fn a_protocol_is_a_name_or_a_number() {
        for (text, number) in [("tcp", 6), ("6", 6), ("icmpv6", 58), ("ipv6-icmp", 58), ("0", 0)] {
            assert_eq!(protocol(text), Ok(number));
        }
        assert!(protocol("TCP/IP").unwrap_err().to_string().contains("protocol=TCP/IP"));
    }

    #[test]
    fn a_name_with_any_characters_fits_a_query() {
        let port = Some("a&b=c%20 ü".to_owned());
        let query = FlowFilter { port: port.clone(), ..FlowFilter::default() }.to_string();
        assert_eq!(query, "port=a%26b%3Dc%2520%20%C3%BC");
        assert_eq!(filter(&query).port, port);
        assert_eq!(decode("100%"), "100%");
    }

    proptest! {
        #[test]
        fn a_filter_survives_its_query(
            source in proptest::option::of((any::<u32>(), 0u8..=32)),
            ports in proptest::option::of(any::<u16>()),
            state in proptest::option::of(0..STATES.len()),
            family in any::<bool>(), protocol in any::<bool>(), port in "\\PC{0,8}",
        ) {
            let filter = FlowFilter {
                family: family.then_some(Family::Ipv4),
                protocol: protocol.then_some(tcp::PROTOCOL),
                original_source: source.map(|(address, length)| {
                    IpNet::new(std::net::Ipv4Addr::from(address).into(), length).unwrap()
                }),
                original_destination_port: ports,
                state: state.map(|index| STATES[index].to_owned()),
                port: Some(port),
                ..FlowFilter::default()
            };
            prop_assert_eq!(filter.to_string().parse(), Ok(filter));
        }

        #[test]
        fn no_query_panics(query in "\\PC{0,40}") {
            let _ = query.parse::<FlowFilter>();
        }
    }
}
