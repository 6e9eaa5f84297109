//! Which packet is meant?

use crate::api::flow::query::{Encoded, decode};
use crate::trace::{Described, DescribedError};
use std::fmt;
use std::str::FromStr;

/// Which packet is meant, as a request's query has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceQuery {
    /// The packet.
    pub described: Described,
    /// Is it asked about those that come?
    pub follow: bool,
}

/// Why a query makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceQueryError {
    /// There is no such part.
    #[error("a trace has no {0:?}; it has port, protocol, to, from and follow")]
    UnknownPart(String),
    /// A part that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Neither true nor false.
    #[error("follow={0}: it is true or false")]
    Follow(String),
    /// The packet makes no sense.
    #[error(transparent)]
    Described(#[from] DescribedError),
}

impl fmt::Display for TraceQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Described { port, protocol, to, from } = &self.described;
        let (port, protocol) = (Encoded(port), Encoded(protocol));
        let to = to.to_string();
        write!(f, "port={port}&protocol={protocol}&to={}", Encoded(&to))?;
        if let Some(from) = from {
            write!(f, "&from={}", Encoded(&from.to_string()))?;
        }
        if self.follow { f.write_str("&follow=true") } else { Ok(()) }
    }
}

impl FromStr for TraceQuery {
    type Err = TraceQueryError;

    /// Reads a query and checks it.
    fn from_str(query: &str) -> Result<Self, TraceQueryError> {
        let (mut port, mut protocol, mut to, mut from, mut follow) =
            (None, None, None, None, false);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (part, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            match part {
                "port" => port = Some(value),
                "protocol" => protocol = Some(value),
                "to" => to = Some(value.parse()?),
                "from" => from = Some(value.parse()?),
                "follow" => {
                    follow = value.parse().map_err(|_| TraceQueryError::Follow(value))?;
                }
                _ => return Err(TraceQueryError::UnknownPart(part.to_owned())),
            }
        }
        let described = Described {
            port: port.ok_or(TraceQueryError::Missing("port"))?,
            protocol: protocol.ok_or(TraceQueryError::Missing("protocol"))?,
            to: to.ok_or(TraceQueryError::Missing("to"))?,
            from,
        };
        described.check()?;
        Ok(Self { described, follow })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_survives_the_round_trip() {
        for text in [
            "port=ub0-1&protocol=tcp&to=10.0.0.5:443",
            "port=outside&protocol=udp&to=%5Bfd00::5%5D:53&from=%5B2001:db8::1%5D:5&follow=true",
            "port=host&protocol=icmp&to=fd00::5&from=fd00::1",
        ] {
            let query: TraceQuery = text.parse().unwrap();
            assert_eq!(query.to_string(), text);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, words) in [
            ("port=a&protocol=tcp", "to is missing"),
            ("port=a&protocol=tcp&to=10.0.0.5", "tcp needs a port"),
            ("port=a&to=x", "is no address like"),
            ("port=a&protocol=icmp&to=::1&follow=maybe", "true or false"),
            ("host=a", "it has port, protocol, to, from and follow"),
        ] {
            let refused = text.parse::<TraceQuery>().unwrap_err().to_string();
            assert!(refused.contains(words), "{refused}");
        }
    }
}
