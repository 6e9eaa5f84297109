//! How does what is asked for come to be what runs?
//!
//! All changes go through one door, one after the other, whoever made what is changed:
//!
//! ```text
//!   file, or an edit of what runs ──> Spec ──> Model ──> addresses ──> Plan ──> sockets ──> steps
//!              (refused with line and field)     (refused with field)   │   (taken: refused)   │ one fails:
//!                                                                       └──> `--dry-run`        undone
//! ```
//!
//! Steps are taken one by one; what one does to a dataplane is in force for its next frame, flows that it
//! concerns have ended when it returns, and all others go on. If one fails, those before it are undone,
//! last first.
//!
//! An edit of one network (a published port, a rule, limits, a static MAC) concerns nothing else: so only
//! that network is proven valid anew, and only it is planned. A file, and an edit of sandboxes, goes
//! through all that is of files, and through what `up --ports` made if the file names it.
//!
//! | file | question |
//! |---|---|
//! | `held` | what does this process hold, in the words of the model? |
//! | `whole` | what is a file, or an edit of sandboxes, to make of it? |
//! | `edit` | what is an edit of one network to make of it? |
//! | `check` | can the plan be carried out on this machine? |
//! | `sockets` | are the ports free that are to be published? |
//! | `run` | how is a plan carried out, and undone? |
//! | `step` | how is one step of it done? |
//! | `network`, `publishing` | how is a running network changed? |
//! | `settings` | and those of its settings that are the switch's and the interfaces'? |
//! | `leases` | where is the table of leases? |
//! | `error` | why not? |

mod check;
mod edit;
mod error;
mod held;
mod leases;
mod network;
mod publishing;
mod run;
mod settings;
mod sockets;
mod step;
mod whole;

#[cfg(test)]
mod tests;

pub(super) use edit::told;
pub use error::{ChangeError, StepFailure};
pub use held::SandboxPlace;
pub(super) use held::{Held, Numbered};
pub use whole::rehearse;

use super::networks::{Networks, lock};
use super::running::Door;
use crate::api::change as api;
use crate::plan::Plan;
use crate::spec::{self, SpecFile};
use std::sync::Arc;
use tokio::runtime::Handle as Runtime;

/// What is to become of what runs.
#[derive(Clone, Debug)]
pub enum Request {
    /// It is to be what the file says.
    Become(SpecFile),
    /// What the file says is to come to it.
    Join(SpecFile),
    /// An edit of it.
    Edit(Edit),
}

/// A change of what runs by one command.
#[derive(Clone, Debug)]
pub enum Edit {
    /// A network of a file is taken out, with the sandboxes that are in no other.
    Remove(String),
    /// A sandbox is connected to a network.
    Connect {
        /// The sandbox.
        sandbox: String,
        /// The network.
        network: String,
        /// What was said of it.
        endpoint: Box<spec::EndpointSpec>,
    },
    /// A network is changed.
    Network {
        /// Its name.
        network: String,
        /// How.
        edit: api::Edit,
    },
    /// A sandbox is disconnected from a network.
    Disconnect {
        /// The sandbox.
        sandbox: String,
        /// The network.
        network: String,
    },
}

/// What was done, or would be.
#[derive(Clone, Debug)]
pub struct Change {
    /// The steps; in words it is what `--dry-run` prints.
    pub plan: Plan,
    /// What there is to tell of an edit.
    pub changed: api::Changed,
}

/// Forgets the networks that have ended or are about to, and the rules of others that name them. For
/// threads that may wait.
pub(super) fn forget(networks: &Arc<Networks>, held: &mut Held) {
    held.forget_ended();
    edit::forget_rules(networks, held);
}

/// Plans a change and, unless it is for show, carries it out. For threads that may wait, inside of a
/// runtime.
///
/// # Errors
/// [`ChangeError`]; what runs is as it was then, but for what the error says could not be undone.
pub(super) fn change(
    networks: &Arc<Networks>,
    request: Request,
    dry_run: bool,
) -> Result<Change, ChangeError> {
    let making = Runtime::current().block_on(networks.making());
    if *making {
        return Err(ChangeError::Ending);
    }
    let mut held = lock(&networks.held);
    forget(networks, &mut held);
    match request {
        Request::Edit(Edit::Network { network, edit }) => {
            edit::carry_out(networks, &mut held, &network, edit)
        }
        _ if networks.circumstances().door == Door::Own => Err(ChangeError::Alone),
        request => {
            // The names of those that end are free again when they are gone.
            let members = networks.members().into_iter();
            for member in members.filter(|member| member.living.is_ending()) {
                // How it ended was told by who asked for it, or in the log.
                let _ = Runtime::current().block_on(member.ended());
            }
            whole::carry_out(networks, &mut held, request, dry_run)
        }
    }
}
