//! How does one process ask another about a running network?
//!
//! Over HTTP with JSON on a unix socket in the network's state folder, readable by its owner alone:
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/network` | [`protocol::NetworkInfo`] |
//! | `GET /v1/ports` | a list of [`protocol::PortInfo`], the host port first |
//! | `GET /v1/fdb` | a list of [`protocol::FdbInfo`] |
//! | `/v1/flows…` | see [`flow`] |
//! | `GET /v1/capture` | see [`capture`] |
//! | `GET /v1/trace` | see [`trace`] |
//! | `GET /v1/published` | a list of [`protocol::PublishedInfo`] |
//! | `POST /v1/stop` | 202 and [`protocol::Stopping`]; the network is then taken down |
//!
//! An error is a [`protocol::Problem`] (RFC 9457): a query that makes no sense 400, an unknown path
//! 404, a wrong method 405, a stopped dataplane 503. `curl` can use it:
//!
//! ```text
//! curl --unix-socket /run/udp-bridge/ub0/api.sock http://localhost/v1/ports
//! ```
//!
//! [`server`] answers, [`client`] asks, [`protocol`] is what both know.

pub mod capture;
pub mod client;
pub mod flow;
pub mod protocol;
pub mod server;
pub mod trace;

#[cfg(test)]
mod tests;

/// The socket's file name in the state folder of a network.
pub const SOCKET_NAME: &str = "api.sock";
