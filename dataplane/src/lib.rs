//! The packet path of `udp-bridge`: a learning switch over TAP devices, in one event loop.
//!
//! The way of a frame:
//!
//! ```text
//!  namespace                                                         namespace
//!    eth0                                                              eth0
//!     │ TAP                                                        TAP  ^
//!     v                                                                 │
//!  port ──> frame::Frame::parse ──> pipeline::walk ────────────> port::deliver
//!  (read)    once; refuses what        │                          (write; segments or
//!            Ethernet and IP forbid    │                           completes if it must)
//!                                      │
//!                          admit ──> learn ──> forward     switch
//!                            │         │         │
//!                            └─────────┴─────────┴──> outcome::DropReason, counted
//! ```
//!
//! [`engine`] runs this for every port that has frames, in one thread, with one buffer.
//!
//! Read in this order: [`outcome`], [`frame`], [`port`], [`switch`], [`pipeline`], [`engine`].
//! What each room may import stands to its left:
//!
//! ```text
//!  wire <- { frame  config } <- { switch  conntrack  nat  ftp  filter  gateway  fragments  routes
//!                                 port } <- pipeline <- capture <- engine
//!  leaves: outcome, outbox, flow, clock, bucket, counters
//! ```
//!
//! There is no async runtime, no serde and no netlink here, and unsafe code in `port/sys/` alone.

pub mod bucket;
pub mod capture;
pub mod clock;
pub mod config;
pub mod conntrack;
pub mod counters;
pub mod engine;
pub mod filter;
pub mod flow;
pub mod fragments;
pub mod frame;
pub mod ftp;
pub mod gateway;
pub mod nat;
pub mod outbox;
pub mod outcome;
pub mod pipeline;
pub mod port;
pub mod routes;
pub mod switch;
pub mod wire;
