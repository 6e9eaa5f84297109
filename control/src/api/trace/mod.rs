//! How is the api asked what becomes of a packet?
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/networks/NAME/trace?port=&protocol=&to=&from=` | an [`Explanation`](crate::trace::Explanation) of what would be decided |
//! | the same with `&follow=true` | one in each line, of packets of the flow as they come, without end |
//!
//! `port` is a port's name or number, `host` or `outside`; `protocol` is `tcp`, `udp` or `icmp`; `to` and
//! `from` are addresses with a port where there is one; `from` may be left out. Following takes one of the
//! network's captures.

mod ask;
mod query;
pub mod serve;

pub use query::{TraceQuery, TraceQueryError};
