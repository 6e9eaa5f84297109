//! Which frames are meant?

use crate::api::flow::query::{Encoded, decode};
use crate::capture::{FilterError, parse};
use dataplane::capture::Filter;
use std::fmt;
use std::str::FromStr;

/// Which frames are meant, as a request's query has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureQuery {
    /// At this port: a name or a number. All if left out.
    pub port: Option<String>,
    /// What matches this; see [`crate::capture::filter`].
    pub filter: String,
    /// No more than so many.
    pub count: Option<u64>,
}

/// Why a query makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// There is no such part.
    #[error("a capture has no {0:?}; it has port, filter and count")]
    UnknownPart(String),
    /// The count is none.
    #[error("count={0}: that is no number from 1 on")]
    Count(String),
    /// The filter is wrong.
    #[error(transparent)]
    Filter(#[from] FilterError),
}

impl CaptureQuery {
    /// The filter.
    ///
    /// # Errors
    /// `Filter`, with the place marked.
    pub fn parsed_filter(&self) -> Result<Filter, QueryError> {
        Ok(parse(&self.filter)?)
    }
}

impl fmt::Display for CaptureQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filter = (!self.filter.is_empty()).then(|| self.filter.clone());
        let count = self.count.map(|count| count.to_string());
        let parts = [("port", self.port.clone()), ("filter", filter), ("count", count)];
        let given = parts.into_iter().filter_map(|(part, value)| Some((part, value?)));
        for (index, (part, value)) in given.enumerate() {
            let and = if index == 0 { "" } else { "&" };
            write!(f, "{and}{part}={}", Encoded(&value))?;
        }
        Ok(())
    }
}

impl FromStr for CaptureQuery {
    type Err = QueryError;

    /// Reads a query and checks it.
    fn from_str(query: &str) -> Result<Self, QueryError> {
        let mut asked = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (part, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            match part {
                "port" if value.is_empty() => {}
                "port" => asked.port = Some(value),
                "filter" => asked.filter = value,
                "count" => match value.parse() {
                    Ok(count) if count > 0 => asked.count = Some(count),
                    _ => return Err(QueryError::Count(value)),
                },
                _ => return Err(QueryError::UnknownPart(part.to_owned())),
            }
        }
        asked.parsed_filter()?;
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_survives_the_round_trip() {
        for query in [
            CaptureQuery::default(),
            CaptureQuery {
                port: Some("ub0-1".to_owned()),
                filter: "src host fd00::1 && !(tcp)".to_owned(),
                count: Some(7),
            },
        ] {
            assert_eq!(query.to_string().parse(), Ok(query));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |query: &str| query.parse::<CaptureQuery>().unwrap_err().to_string();
        assert!(refused("count=0").contains("no number from 1 on"));
        assert!(refused("ports=1").contains("it has port, filter and count"));
        assert!(refused("filter=tcp%20prot").contains("      ^^^^"));
    }
}
