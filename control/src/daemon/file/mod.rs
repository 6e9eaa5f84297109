//! How does what a file says come to be what runs?
//!
//! All changes go through one door, one after the other:
//!
//! ```text
//!   file, or an edit of what runs ──> Spec ──> Model ──> addresses ──> Plan ──> carried out, or undone
//!              (refused with line and field)     (refused with field)      └──> `--dry-run` prints it
//! ```
//!
//! | file | question |
//! |---|---|
//! | `check` | can the plan be carried out on this machine? |
//! | `run` | how is it carried out, and undone? |
//! | `network` | how is a running network changed? |
//! | `settings` | and those of its settings that are the switch's and the interfaces'? |
//! | `leases` | where is the table of leases? |
//! | `error` | why not? |

mod check;
mod error;
mod leases;
mod network;
mod run;
mod settings;

pub use error::{ChangeError, StepFailure};

use super::networks::{Networks, lock};
use super::running::Door;
use crate::addressing::{Assigned, Leases, Machine, assign};
use crate::api::change as api;
use crate::model::{Model, NetworkName, Refusal};
use crate::netns::rootless;
use crate::plan::{Plan, State};
use crate::spec::{self, Source, Spec, SpecFile, VERSION};
use crate::topology::{self, Observed, Sandboxes, Site, observe};
use network::Numbers;
use run::Run;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What of a process's networks is of files.
pub(super) struct Files {
    site: Site,
    spec: Spec,
    state: State,
    assigned: Assigned,
    sandboxes: Sandboxes,
    numbers: BTreeMap<NetworkName, Numbers>,
}

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
    /// A network is taken out, with the sandboxes that are in no other.
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

/// A plan, carried out or not.
#[derive(Clone, Debug)]
pub struct Change {
    /// The steps in words.
    pub text: String,
    /// How many there are.
    pub steps: usize,
    /// What there is to tell of an edit.
    pub changed: api::Changed,
}

/// Where a sandbox is.
#[derive(Clone, Debug)]
pub struct SandboxPlace {
    /// Its name.
    pub name: String,
    /// The file of its namespace; `None` for the host's own.
    pub namespace: Option<PathBuf>,
}

impl Files {
    pub(super) fn new(site: &Site) -> Self {
        Self {
            site: site.clone(),
            spec: Spec { version: VERSION, ..Spec::default() },
            state: State::default(),
            assigned: Assigned::default(),
            sandboxes: Sandboxes::new(site),
            numbers: BTreeMap::new(),
        }
    }

    /// Takes the folder of this process; returns its path.
    pub(super) fn claim(&mut self) -> Result<PathBuf, topology::RecordError> {
        self.sandboxes.claim()
    }

    /// Is the network of a file?
    pub(super) fn has(&self, network: &str) -> bool {
        self.spec.networks.contains_key(network)
    }

    /// What the host's interface of a network is called.
    fn host_interface<'n>(&'n self, network: &'n str) -> &'n str {
        let mut all = self.state.networks.iter();
        let state = all.find(|(name, _)| name.as_str() == network).map(|(_, state)| state);
        state.map_or(network, |state| state.identity.host_interface.as_str())
    }

    /// What runs, as a file.
    pub(super) fn config(&self) -> String {
        match Model::new(&self.spec) {
            Ok(model) => self.spec.print(&self.assigned.notes(&model)),
            Err(_) => self.spec.to_string(),
        }
    }

    /// All sandboxes.
    pub(super) fn places(&self) -> Vec<SandboxPlace> {
        let place = |name: &crate::model::SandboxName| SandboxPlace {
            name: name.to_string(),
            namespace: match self.sandboxes.home(name) {
                Some(topology::Home::At(path)) => Some(path.clone()),
                _ => None,
            },
        };
        self.state.sandboxes.keys().map(place).collect()
    }
}

/// A plan with all that it is made of.
struct Prepared {
    plan: Plan,
    spec: Spec,
    target: State,
    assigned: Assigned,
    leases: Leases,
}

/// Plans a change and, unless it is for show, carries it out. For threads that may wait, inside of a
/// runtime.
///
/// # Errors
/// [`ChangeError`]; what runs is as it was then.
pub(super) fn change(
    networks: &Arc<Networks>,
    request: Request,
    dry_run: bool,
) -> Result<Change, ChangeError> {
    let circumstances = networks.circumstances().clone();
    if circumstances.door == Door::Own {
        return Err(ChangeError::Alone);
    }
    let making = tokio::runtime::Handle::current().block_on(networks.making());
    if *making {
        return Err(ChangeError::Ending);
    }
    let mut files = lock(&networks.files);
    let site = &circumstances.site;
    if !dry_run {
        clear_dead(site)?;
    }
    let (spec, source, changed) = wanted(&files, request)?;
    let observed = observe(site)?;
    let prepared =
        prepare(&files.state, spec, source.as_ref(), &observed, site, circumstances.rootless)?;
    let Prepared { plan, spec, target, assigned, leases } = prepared;
    let change = Change { text: plan.to_string(), steps: plan.steps().len(), changed };
    if dry_run {
        return Ok(change);
    }
    Run { networks, files: &mut files, target: &target }.all(&plan)?;
    (files.spec, files.assigned) = (spec, assigned);
    leases::write(site, &leases)?;
    let is_empty = files.state.networks.is_empty() && files.state.sandboxes.is_empty();
    if circumstances.door == Door::Files && is_empty {
        networks.stop("nothing is left");
    }
    Ok(change)
}

/// Plans a file for a machine on which nothing of it runs.
///
/// # Errors
/// [`ChangeError`].
pub fn rehearse(file: SpecFile, site: &Site) -> Result<Change, ChangeError> {
    let (spec, source) = spec::read(file)?;
    let observed = observe(site)?;
    let rootless = !rootless::is_privileged();
    let prepared = prepare(&State::default(), spec, Some(&source), &observed, site, rootless)?;
    let plan = prepared.plan;
    let changed = api::Changed::Done;
    Ok(Change { text: plan.to_string(), steps: plan.steps().len(), changed })
}

/// Clears what killed processes have left.
fn clear_dead(site: &Site) -> Result<(), ChangeError> {
    let unreadable = |source| {
        let path = site.state_dir.clone();
        ChangeError::Observe(topology::ObserveError::Directory { path, source })
    };
    for known in topology::networks(site).map_err(unreadable)? {
        if !known.alive {
            topology::clear(site, &known.name)?;
        }
    }
    Sandboxes::sweep(site)?;
    Ok(())
}

/// What is to run, and where it is written if that is a file.
fn wanted(
    files: &Files,
    request: Request,
) -> Result<(Spec, Option<Source>, api::Changed), ChangeError> {
    let running = &files.spec;
    match request {
        Request::Become(file) => {
            let (spec, source) = spec::read(file)?;
            Ok((spec, Some(source), api::Changed::Done))
        }
        Request::Join(file) => {
            let (spec, source) = spec::read(file)?;
            let mut all = running.clone();
            all.join(spec)?;
            Ok((all, Some(source), api::Changed::Done))
        }
        Request::Edit(edit) => {
            let (mut all, mut changed) = (running.clone(), api::Changed::Done);
            match edit {
                Edit::Network { network, edit } => {
                    let interface = files.host_interface(&network);
                    changed = super::change::apply(&mut all, &network, interface, edit)?;
                }
                Edit::Remove(network) => all.remove_network(&network)?,
                Edit::Connect { sandbox, network, endpoint } => {
                    all.connect(&sandbox, &network, *endpoint)?;
                }
                Edit::Disconnect { sandbox, network } => all.disconnect(&sandbox, &network)?,
            }
            Ok((all, None, changed))
        }
    }
}

fn prepare(
    from: &State,
    spec: Spec,
    source: Option<&Source>,
    observed: &Observed,
    site: &Site,
    rootless: bool,
) -> Result<Prepared, ChangeError> {
    let explain = |refusal: Refusal| match source {
        Some(source) => ChangeError::File(source.explain(refusal)),
        None => ChangeError::Refused(Box::new(refusal)),
    };
    let model = Model::new(&spec).map_err(|refusal| explain(*refusal))?;
    let machine = machine(from, observed);
    let (assigned, leases) =
        assign(&model, &leases::read(site)?, &machine).map_err(|refusal| explain(*refusal))?;
    let mut target = State::new(&model, &assigned);
    if rootless {
        for network in target.networks.values_mut() {
            // Nobody who asked for one comes so far.
            network.way = network.way.take().filter(crate::model::Way::is_asked_for);
        }
    }
    let plan = Plan::between(from, &target);
    check::machine(&plan, from, observed, site, rootless).map_err(explain)?;
    Ok(Prepared { plan, spec, target, assigned, leases })
}

/// The machine without what is ours.
fn machine(from: &State, observed: &Observed) -> Machine {
    let ours = |interface: &Option<String>| {
        let mut all = from.networks.values().map(|one| one.identity.host_interface.as_str());
        interface.as_deref().is_some_and(|interface| all.any(|one| one == interface))
    };
    let routes = observed.routes.iter();
    // A VPN's pair of /1 routes is a default route in disguise.
    let routes = routes.filter(|one| one.destination.prefix_len() > 1 && !ours(&one.interface));
    Machine {
        routes: routes.map(|one| one.destination).collect(),
        ipv6: observed.ipv6,
        running: from.networks.keys().cloned().collect(),
    }
}
