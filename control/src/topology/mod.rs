//! What is there, what will be made, and how does it go away again?
//!
//! ```text
//! observe ──> plan ──> apply ──> Topology ──> teardown
//! (reads)    (pure)   (makes)        └─ killed ──> clear
//! ```
//!
//! A network that stands consists of the TAPs, which go when the process does, and of named
//! namespaces, which stay. So that a killed process leaves nothing that cannot be told from other
//! people's things, it first writes a journal of the names it will make with a mark that no
//! other process has, and puts the mark on each namespace (as alias of its `lo`) *before* that gets
//! its name. Whoever clears up removes a named namespace only if it wears the mark.
//!
//! | file | |
//! |---|---|
//! | `site` | where records and namespaces are |
//! | `observe` | routes, interfaces, namespaces, networks that are there |
//! | `plan` | request + what is there → what will be made, or why not |
//! | `record` | the folder of one network: who holds it |
//! | `keeper` | the daemon that keeps all of them, if there is one |
//! | `lock` | is a file held? |
//! | `journal` | what it made |
//! | `holder` | is the process that holds it going away? |
//! | `apply` | makes it, undoes it on failure |
//! | `endpoint` | one interface |
//! | `endpoints` | interfaces and ways out that come and go while a network stands |
//! | `sandboxes` | the namespaces of a file, and the record of those that were made |
//! | `settings` | what of the interfaces is changed while a network stands |
//! | `namespaces` | marks, recognises and removes namespaces |
//! | `outlook` | the host and its networks at one moment, for all that follow it |
//! | `outside` | the uplink and what its record says of it |
//! | `closing` | closes many TAPs at once |
//! | `standing` | a network that stands, and its end |
//! | `clear` | what a killed process left |

mod apply;
mod clear;
mod closing;
mod endpoint;
mod endpoints;
mod holder;
mod journal;
mod keeper;
mod lock;
mod namespaces;
mod observe;
mod outlook;
mod outside;
mod plan;
mod record;
mod sandboxes;
mod settings;
mod site;
mod standing;

pub use apply::{ApplyError, SPARE_DESCRIPTORS, StepError, apply, open_descriptors, queues};
pub use clear::{ClearError, Cleared, clear};
pub use closing::close_together;
pub use endpoint::{Endpoint, RingError, ring_drops};
pub use endpoints::{NewEndpoint, lead};
pub use holder::has_ended;
pub use keeper::{Keeper, KeeperError, Kept, LOCK_NAME};
pub use observe::{ObserveError, Observed, Route, observe};
pub use outlook::Outlook;
pub use outside::FollowError;
pub use plan::{Plan, PlanError, plan};
pub use record::{KnownNetwork, RecordError, networks};
pub use sandboxes::{Home, Sandboxes};
pub use site::Site;
pub use standing::{TeardownError, Topology, Warning};
