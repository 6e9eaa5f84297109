//! The control side of `udp-bridge`: it makes namespaces, interfaces and addresses, keeps the
//! dataplane running between them, and takes everything away again.
//!
//! ```text
//!     cli ──> doctor::preflight ──> netns::rootless      may we, and as whom?
//!      │
//!      │     model ──> topology: observe ─> plan ─> apply ──> Topology ──> teardown
//!      ├──> daemon ────────┘                 │        │           └ killed ──> clear
//!      │      │                         addressing    ├── netns
//!      │      ├── dataplane::engine (a thread)        ├── netlink
//!      │      ├── publish (sockets of the host)       ├── sysctl
//!      │      └── api::server <── unix socket ──┐     └── uplink
//!      └──> api::client ────────────────────────┘
//! ```
//!
//! `udp-bridge up` goes the way down, or asks the process that `udp-bridge daemon` left running to go it;
//! `ps`, `fdb`, `exec` and `down` ask whoever holds the network, over its socket. Nothing is parsed from
//! text, and no other program is run.
//!
//! A file of networks, and every edit of what runs, goes its way without touching anything, up to the plan
//! of what has to be done; then one executor takes the steps, whoever made the networks:
//!
//! ```text
//!     spec ──> model ──> addressing ──> plan ──> daemon::change ──> topology, publish, dataplane
//! ```
//!
//! Reading order:
//!
//! 1. [`spec`] and [`model`]: what was written, and the same proven valid;
//! 2. [`addressing`]: which addresses and MACs it gets;
//! 3. [`plan`]: which steps lead from what runs to what is to be;
//! 4. [`topology`]: how it is made and removed, and with it [`netns`], [`netlink`] and [`sysctl`];
//! 5. [`uplink`]: how it reaches the outside;
//! 6. [`compile`]: what the dataplane is told of all that;
//! 7. [`daemon`]: who keeps networks alive, one or many, and how they are [changed](daemon::change);
//! 8. [`publish`]: how the host's ports are kept and relayed;
//! 9. [`api`]: how it is asked;
//! 10. [`cli`] and [`doctor`]: what people see;
//! 11. [`mod@bench`]: how fast it is beside the kernel bridge.

#![forbid(unsafe_code)]

pub mod addressing;
pub mod api;
pub mod bench;
pub mod capture;
pub mod cli;
pub mod compile;
pub mod daemon;
pub mod doctor;
pub mod metrics;
pub mod model;
pub mod netlink;
pub mod netns;
pub mod plan;
mod program;
pub mod publish;
pub mod spec;
pub mod sysctl;
pub mod topology;
pub mod trace;
pub mod uplink;
