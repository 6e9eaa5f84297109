//! How is one network made, and how does it end?
//!
//! Both take their time and wait for others, so they are for threads that nobody else needs.

use super::change::Numbered;
use super::forwarding::Forwarding;
use super::living::{self, Living};
use super::{EndError, StartError};
use crate::api::SOCKET_NAME;
use crate::api::server;
use crate::model::{Network, NetworkRequest, UplinkKind};
use crate::publish::{Relay, Reserved};
use crate::topology::{
    self, ApplyError, Cleared, Plan, PlanError, Sandboxes, Site, Topology, Warning,
};
use crate::uplink::Refusal;
use dataplane::config::RouterConfig;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixListener;

/// Most plans that are made for a network while others overtake it, each once: as many as the default
/// subnets are.
const MAX_PLANS: usize = 254;

/// Where the clients of a network find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// At a socket in its folder.
    Own,
    /// At the daemon's, to which a link in its folder leads.
    Daemons,
    /// At that of an `up -f`, to which a link in its folder leads.
    Files,
}

/// Under which circumstances networks are made.
#[derive(Clone, Debug)]
pub(super) struct Circumstances {
    pub(super) site: Site,
    /// Is the process in a user namespace of its own?
    pub(super) rootless: bool,
    pub(super) door: Door,
}

/// A network that was just made.
pub(super) struct Made {
    pub(super) running: Running,
    /// What a killed process had left of it.
    pub(super) cleared: Option<Cleared>,
    /// Its own socket, if it has one.
    pub(super) listener: Option<UnixListener>,
}

/// A network that stands and forwards.
pub(super) struct Running {
    pub(super) living: Arc<Living>,
    pub(super) forwarding: Forwarding,
}

/// Why a network ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Somebody wants it: a signal of this name, or a request.
    Wanted(&'static str),
    /// The engine's thread is at its end.
    Engine,
}

impl Made {
    /// Makes a network of `up --ports N`, and says it in the words of the model; leftovers of a dead
    /// process of its name are cleared first. The calling thread
    /// must be in the host's namespace and inside of a runtime.
    ///
    /// # Errors
    /// [`StartError`] says which step failed; whatever had been made is removed again.
    pub(super) fn new(
        request: &NetworkRequest,
        circumstances: &Circumstances,
    ) -> Result<(Self, Numbered), StartError> {
        let Circumstances { site, rootless, .. } = circumstances;
        let request = &fit_for(request, *rootless)?;
        let standing = make(request, site, *rootless)?;
        let numbered = match Numbered::new(request, standing.plan.network()) {
            Ok(numbered) => numbered,
            Err(error) => {
                report(&standing.topology.teardown(Vec::new()));
                return Err(PlanError::from(error).into());
            }
        };
        Ok((Self::of(standing, circumstances)?, numbered))
    }

    /// Makes a network of a file, of which nothing is left of a dead process any more. As of
    /// [`Self::new`] otherwise.
    ///
    /// # Errors
    /// As of [`Self::new`].
    pub(super) fn declared(
        network: Network,
        circumstances: &Circumstances,
    ) -> Result<Self, StartError> {
        let plan = Plan::of(network);
        let topology = topology::apply(&plan, &circumstances.site)?;
        let standing = Standing { plan, reserved: Vec::new(), topology, cleared: None };
        Self::of(standing, circumstances)
    }

    fn of(standing: Standing, circumstances: &Circumstances) -> Result<Self, StartError> {
        let Circumstances { site, rootless, door } = circumstances;
        let Standing { plan, reserved, mut topology, cleared } = standing;
        match Parts::new(&mut topology, &plan, site, *door, reserved) {
            Ok(Parts { listener, relay, forwarding, router }) => {
                let handle = forwarding.handle();
                let parts = living::Parts { topology, handle, relay, router };
                let living = Living::new(parts, *rootless, site);
                let running = Running { living: Arc::new(living), forwarding };
                Ok(Self { running, cleared, listener })
            }
            Err(error) => {
                report(&topology.teardown(Vec::new()));
                Err(error)
            }
        }
    }
}

impl Running {
    /// Takes everything down. The relay has ended before.
    ///
    /// # Errors
    /// [`EndError`] if the engine ended by itself or something could not be removed.
    pub(super) fn end(self, why: End) -> Result<(), EndError> {
        let Self { living, forwarding } = self;
        let (forwarded, ports) = match forwarding.stop() {
            Ok(ports) => (Ok(()), ports),
            // The ports of an engine that failed are closed already.
            Err(error) => (Err(error), Vec::new()),
        };
        let topology = living.take_topology();
        let failures = topology.map(|topology| topology.teardown(ports)).unwrap_or_default();
        report(&failures);
        match (why, forwarded) {
            (_, Err(error)) => Err(error),
            (End::Engine, Ok(())) => Err(EndError::EngineReturned),
            (End::Wanted(_), Ok(())) if failures.is_empty() => Ok(()),
            (End::Wanted(_), Ok(())) => Err(EndError::Teardown(failures.len())),
        }
    }
}

/// The parts that exist beside the topology.
struct Parts {
    listener: Option<UnixListener>,
    relay: Relay,
    forwarding: Forwarding,
    router: Option<RouterConfig>,
}

impl Parts {
    fn new(
        topology: &mut Topology,
        plan: &Plan,
        site: &Site,
        door: Door,
        reserved: Vec<Reserved>,
    ) -> Result<Self, StartError> {
        let mut config = topology.dataplane_config()?;
        let mut router = None;
        if let Some((told, caveats)) = topology.follow(site)? {
            topology.warnings.extend(caveats.into_iter().map(Warning::from));
            config = config.with_router(told.clone())?;
            router = Some(told);
        }
        let folder = site.state_dir.join(plan.network().name().as_str());
        let listener = open(door, &folder)?;
        let relay = Relay::start(plan.network(), reserved)?;
        let forwarding =
            Forwarding::start(config, topology.take_ports(), plan.network().workers())?;
        Ok(Self { listener, relay, forwarding, router })
    }
}

fn open(door: Door, folder: &Path) -> Result<Option<UnixListener>, StartError> {
    let path = folder.join(SOCKET_NAME);
    if door == Door::Own {
        return Ok(Some(server::bind(&path)?));
    }
    let target = match door {
        Door::Files => Path::new("..").join(Sandboxes::folder_name()).join(SOCKET_NAME),
        Door::Own | Door::Daemons => Path::new("..").join(SOCKET_NAME),
    };
    symlink(target, &path).map_err(|source| StartError::Link { path, source })?;
    Ok(None)
}

/// A network that stands, and does not forward yet.
struct Standing {
    plan: Plan,
    reserved: Vec<Reserved>,
    topology: Topology,
    cleared: Option<Cleared>,
}

/// Makes the topology. Others that start at the same time may take what was free when the plan was
/// made; then there is another plan, in which a default subnet is another one.
fn make(request: &NetworkRequest, site: &Site, rootless: bool) -> Result<Standing, StartError> {
    let mut cleared = None;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let plan = match topology::plan(request, &topology::observe(site)?) {
            Ok(plan) => plan,
            // A dead process of this name left things, and nothing is wrong with the request.
            Err(PlanError::Leftovers(name)) if attempts < MAX_PLANS => {
                cleared = Some(topology::clear(site, &name)?);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        // Before anything is made: a port that is not free shall leave no trace.
        let published: Vec<_> = plan.network().publish().iter().map(|one| &one.written).collect();
        let taps = plan.network().ports() as usize + 1;
        let queues = taps * topology::queues(plan.network().workers());
        let reserved = Reserved::bind(&published, &[], queues, site, rootless)?;
        match topology::apply(&plan, site) {
            Ok(topology) => return Ok(Standing { plan, reserved, topology, cleared }),
            Err(ApplyError::Overtaken(_)) if attempts < MAX_PLANS => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The request as it can be carried out with these privileges.
fn fit_for(request: &NetworkRequest, rootless: bool) -> Result<NetworkRequest, Refusal> {
    let mut request = request.clone();
    if rootless && request.router.uplink != Some(UplinkKind::None) {
        if let Some(option) = request.router.asks_for_uplink() {
            return Err(Refusal::Rootless(option));
        }
        request.router.uplink = Some(UplinkKind::None);
    }
    Ok(request)
}

/// The networks on record.
pub(super) fn known(site: &Site) -> Result<Vec<topology::KnownNetwork>, StartError> {
    let unreadable =
        |source: io::Error| StartError::Networks { path: site.state_dir.clone(), source };
    topology::networks(site).map_err(unreadable)
}

fn report(failures: &[topology::TeardownError]) {
    for failure in failures {
        tracing::error!("{failure}");
    }
}
