//! What must be done so that what is becomes what is to be?
//!
//! Pure: from two [`State`]s to a [`Plan`], the list of steps from one to the other. `--dry-run` prints
//! it, the daemon carries it out, and if a step fails it carries out the inverses of those before, last
//! first.
//!
//! ```text
//!   State (runs) ──┐                    ┌── Display ──> --dry-run
//!                  ├── Plan::between ───┼── each Step ──> executed ──> State::take, step by step
//!   State (wanted)─┘                    └── Step::inverse ──> undone
//! ```
//!
//! The order of the steps is such that each can be done when its turn comes, and such that names,
//! addresses and ports are let go before somebody else takes them:
//!
//! ```text
//!   let go    published ports, static MACs, default routes, endpoints, sandboxes, ways out, networks
//!   change    settings, rules and limits of what stays
//!   make      networks, ways out, sandboxes, endpoints, default routes, static MACs, published ports
//! ```
//!
//! So new rules are in force before new endpoints are there. A rule that names a sandbox without an
//! endpoint matches nothing until there is one.
//!
//! What cannot be changed while it runs (a subnet, an address, whose namespace it is) is removed and
//! made anew, with all that depends on it, and nothing else: each such [`Replacement`] is part of the
//! plan and says why. What is the same in both states is in no step.

mod difference;
mod replace;
mod state;
mod step;
mod take;
mod words;

#[cfg(test)]
mod tests;

pub use replace::{Reason, Replacement};
pub use state::{EndpointState, Identity, NetworkState, SandboxState, State};
pub use step::{Change, EndpointChange, NetworkChange, Step};
pub use take::{StepError, Subject};

/// The steps from one state to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    steps: Vec<Step>,
    replacements: Vec<Replacement>,
}

impl Plan {
    /// Finds what has to be done.
    pub fn between(from: &State, to: &State) -> Self {
        let replaced = replace::find(from, to);
        let steps = difference::steps(from, to, &replaced);
        Self { steps, replacements: replaced.list }
    }

    /// The steps in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What is removed and made anew, and why.
    pub fn replacements(&self) -> &[Replacement] {
        &self.replacements
    }

    /// Is there nothing to do?
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}
