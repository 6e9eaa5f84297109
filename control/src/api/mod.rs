//! How does one process ask another about running networks?
//!
//! Over HTTP with JSON on a unix socket, which is readable by its owner alone unless a group was named.
//! A network's folder has a socket, or a link to that of the daemon that holds many networks, so that
//! a network is always asked at `/run/udp-bridge/NAME/api.sock`:
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/networks` | a list of [`protocol::NetworkInfo`] |
//! | `POST /v1/networks` | [`creation::NewNetwork`] → 201 and [`creation::Created`] |
//! | `GET /v1/networks/NAME` | [`protocol::NetworkInfo`] |
//! | `DELETE /v1/networks/NAME` | 204 when it is gone |
//! | `GET /v1/networks/NAME/ports` | a list of [`protocol::PortInfo`], the host port first |
//! | `GET /v1/networks/NAME/fdb` | a list of [`protocol::FdbInfo`] |
//! | `GET /v1/networks/NAME/published` | a list of [`protocol::PublishedInfo`] |
//! | `GET /v1/networks/NAME/rules` | [`protocol::RulesInfo`] |
//! | `POST`, `DELETE`, `PUT` of these | [`change`]: 201, or 204 when there is nothing to tell |
//! | `/v1/networks/NAME/flows…` | see [`flow`] |
//! | `GET /v1/networks/NAME/capture` | see [`capture`] |
//! | `GET /v1/networks/NAME/trace` | see [`trace`] |
//! | `GET /v1/daemon` | [`protocol::DaemonInfo`] |
//! | `POST /v1/stop` | 202 and [`protocol::Stopping`]; all networks are then taken down |
//! | `GET /v1/openapi.json` | all of this for programs |
//!
//! An error is a [`protocol::Problem`] (RFC 9457): what makes no sense is 400, an unknown path or
//! network 404, a wrong method 405, a client that is too slow 408, a network that is up already 409,
//! a body that is too long 413, too many clients or a stopped dataplane 503. `docs/api.md` shows how to
//! ask with `curl`.
//!
//! [`server`] answers, [`client`] asks, [`protocol`], [`creation`] and [`change`] are what both know,
//! [`paths`] is where.

pub mod capture;
pub mod change;
pub mod client;
pub mod creation;
pub mod file;
pub mod flow;
pub mod paths;
pub mod protocol;
pub mod server;
pub mod trace;

#[cfg(test)]
mod tests;

/// The socket's file name, in the state directory and in each network's folder there.
pub const SOCKET_NAME: &str = "api.sock";
