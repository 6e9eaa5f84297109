//! The packet path of `udp-bridge`: a learning switch over TAP devices with a router behind it, in one
//! event loop or several.
//!
//! The way of a frame:
//!
//! ```text
//!  namespace, or host                                        namespace, or host
//!    eth0 │ TAP                                                     TAP ^
//!         v                                                             │
//!       port ──> frame::Frame::parse ──> pipeline::walk ───────> port::deliver
//!       (read)    once; refuses what       │                       (write; segments or
//!                 Ethernet and IP forbid   │                        completes if it must)
//!                                          v
//!                     admit ──> limits ──> learn                                 switch, limits
//!                                            │
//!      ARP, ND: who is where? ── hear <──────┤                                   gateway
//!      for the next hop: answered            │
//!                        ┌───────────────────┴──────────────────┐
//!                        v bridged                              v routed: to the host's MAC,
//!                     forward                      switch       │  or from the host to our next hop
//!                        │ only if a rule                       v
//!                        │ concerns it:              ┌─ known flow? ─┐           conntrack
//!                        ├─ known flow?   conntrack  │ yes           │ no
//!                        ├─ may it pass?  filter     │               v
//!                        │                           │     published, outside, plain?  config, routes
//!                        │                           │     may it pass?                filter
//!                        │                           │     under which port?           nat: a lease
//!                        │                           │     keep the flow               conntrack
//!                        │                           └───────┬───────┘
//!                        │                                   v
//!                        │                           rewrite, clamp, hops                nat
//!                        │                           to the host as it is, or
//!                        │                           to a namespace: which MAC?          gateway
//!                        v                                   v
//!                    Unicast, Flood              Unicast, Answered, Held     outcome::Verdict
//!
//!  on the side:  fragments  later fragments follow their first one
//!                ftp        data connections that a control connection announces
//!                outbox     what the stages say themselves: ARP, ICMP errors, RSTs, frames that waited
//! ```
//!
//! Whatever ends before that ends as an [`outcome::DropReason`], which is its counter.
//!
//! | a packet | goes | and is |
//! |---|---|---|
//! | namespace → sibling, by its MAC | bridged | the same |
//! | namespace → host | routed | the same: the host sees who calls |
//! | namespace → outside | routed | SNAT: the host's address, a leased port |
//! | its reply | from the host to the next hop: routed | translated back |
//! | outside → published port | from the host to the next hop: routed | DNAT: the caller's address stays |
//! | namespace → published port of a sibling | routed, never seen by the host | DNAT and SNAT: hairpin |
//! | what the host sends us and is not ours | routed | handed back, as if it had not come |
//!
//! [`engine`] runs this for every port that has frames, in one thread, with one buffer; or in several
//! workers, each with a buffer, that read different queues of the ports and decide by turns.
//!
//! Read in this order:
//!
//! 1. [`outcome`], [`frame`], [`port`], [`switch`]: a frame comes, is bridged, goes.
//! 2. [`flow`], [`conntrack`], [`nat`], [`filter`], [`gateway`]: what is known and done above layer 2;
//!    each room by itself.
//! 3. [`limits`], [`pipeline`]: all of them in order; its `path` first.
//! 4. [`fragments`], [`ftp`], [`routes`], [`outbox`]: what helps on the way.
//! 5. [`config`], [`engine`]: what it runs with, and when.
//!
//! What each room may import stands to its left:
//!
//! ```text
//!  wire <- { frame  config } <- { switch  limits  conntrack  nat  ftp  filter  gateway  fragments
//!                                 routes  port } <- pipeline <- capture <- engine
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
pub mod limits;
pub mod nat;
pub mod outbox;
pub mod outcome;
pub mod pipeline;
pub mod port;
pub mod routes;
pub mod switch;
pub mod wire;
