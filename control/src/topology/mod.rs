//! What is there, what will be made, and how does it go away again?
//!
//!     observe ──> plan ──> apply ──> Topology ──> teardown
//!     (reads)    (pure)   (makes)        └ killed ──> clear

mod apply;
mod endpoint;
mod observe;
mod plan;
mod record;
mod site;

pub use apply::{ApplyError, TeardownError, Topology, Warning, apply};
pub use endpoint::{Endpoint, RingError, ring_drops};
pub use observe::{ObserveError, Observed, Route, observe};
pub use plan::{Plan, PlanError, plan};
pub use record::{ClearError, Cleared, KnownNetwork, clear, networks};
pub use site::Site;
