//! What network does the user want, proven valid?
//!
//! A [`NetworkRequest`] is what was written on the command line. [`Network::new`] is the one place
//! that says what is wrong with it; what comes out can be built as it stands. Nothing here looks at
//! the machine, but for how many processors it has: whether names and subnets are still free is a matter of
//! [`crate::topology`].

mod bounds;
pub mod declared;
mod error;
mod fault;
mod members;
mod name;
mod network;
mod numbering;
mod problem;
mod publish;
mod refusal;
mod request;
mod router;
pub mod rules;
mod storm;
mod subnet;
mod switch;
mod workers;

pub(crate) use bounds::room;
pub use bounds::{MAX_PORTS, Mtu};
pub use declared::{
    Bridged, DeclaredNetwork, Endpoint, Filter, Holder, Limits, Model, Namespace, Sandbox,
    Settings, Way,
};
pub use error::ModelError;
pub use fault::{InterfaceFault, MtuFault, NameFault, SubnetFault};
pub use members::{Member, Named};
pub use name::{InterfaceName, NetworkName, SandboxName};
pub use network::Network;
pub use problem::Problem;
pub use publish::{MAX_PUBLISHED_PORTS, Protocol, Publish, PublishFault, Written};
pub use refusal::{Known, Refusal, Taker};
pub use request::NetworkRequest;
pub use router::{Profile, RouterOptions, RouterRequest, UplinkKind};
pub use storm::{UNREACHABLE, storm, storm_halves};
pub use subnet::{SubnetRequest, Subnets, parse_subnet, parse_subnet6};
pub use workers::usual_workers;
