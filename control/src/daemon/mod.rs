//! Who keeps a network alive?
//!
//! A [`Daemon`]: one process for each network, with two threads.
//!
//! ```text
//!     thread main                          thread dataplane
//!     signals ─┐                           engine: TAP <-> TAP
//!     api      ├─> one loop ── handle ───> counters, MAC table, stop
//!     tick     ┤       │
//!     host     ┤       │
//!     relay    ┘       │
//!                      └─> the end: engine stopped, api closed, topology torn down
//! ```
//!
//! It ends in order on SIGINT, SIGTERM, SIGHUP and when it is asked to over the api; in disorder when
//! the engine ends by itself or panics. Either way everything that was made is removed. Signals that
//! come after the first change nothing. While nobody asks anything, the loop wakes once a second to
//! see whether ports have died.

mod error;
mod following;
mod forwarding;
mod fullness;
mod living;
mod rules;
mod signals;

pub use error::{EndError, StartError};
pub use living::Totals;

use crate::api::SOCKET_NAME;
use crate::api::protocol::{NetworkInfo, PortInfo};
use crate::api::server::{self, Network as _};
use crate::model::{NetworkRequest, UplinkKind};
use crate::netlink::Monitor;
use crate::publish::{Relay, Reserved};
use crate::topology::{self, ApplyError, Cleared, Plan, PlanError, Site, Topology, Warning};
use crate::uplink::Refusal;
use dataplane::config::RouterConfig;
use following::follow;
use forwarding::Forwarding;
use living::Living;
use signals::Signals;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often dead ports are looked for, and the watcher is called.
pub const TICK: Duration = Duration::from_secs(1);

/// How long answers under way may take when the network ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Most plans that are made for a network while others overtake it, each once: as many as the default
/// subnets are.
const MAX_PLANS: usize = 254;

/// Is told once a tick what went through the switch so far, and how long ago it was told before.
pub type Watcher<'a> = &'a mut dyn FnMut(Totals, Duration);

/// A network that stands and forwards.
pub struct Daemon {
    runtime: Runtime,
    signals: Signals,
    listener: UnixListener,
    living: Arc<Living>,
    forwarding: Forwarding,
    monitor: Option<Monitor>,
    cleared: Option<Cleared>,
}

/// Why the loop ended.
enum End {
    /// A signal of this name, or a request over the api.
    Wanted(&'static str),
    /// The engine's thread is at its end.
    Engine,
}

impl Daemon {
    /// Makes the network and starts forwarding. Leftovers of a dead process of the same name are
    /// cleared first. With `rootless` the process is in a user namespace of its own already.
    ///
    /// # Errors
    /// [`StartError`] says which step failed; whatever had been made is removed again.
    pub fn start(
        request: &NetworkRequest,
        site: &Site,
        rootless: bool,
    ) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Runtime)?;
        // From here on a signal waits until the network stands, and takes it down in order then.
        let signals = {
            let _inside = runtime.enter();
            Signals::new().map_err(StartError::Signals)?
        };
        let request = &fit_for(request, rootless)?;
        let Made { plan, reserved, mut topology, cleared } = make(request, site, rootless)?;
        match Started::new(&mut topology, &runtime, &plan, site, reserved) {
            Ok(Started { listener, relay, forwarding, router, monitor }) => {
                let handle = forwarding.handle();
                let living = Living::new(topology, handle, relay, rootless, site, router);
                let living = Arc::new(living);
                Ok(Self { runtime, signals, listener, living, forwarding, monitor, cleared })
            }
            Err(error) => {
                report(&topology.teardown(Vec::new()));
                Err(error)
            }
        }
    }

    /// The leftovers that were cleared before.
    pub fn cleared(&self) -> Option<&Cleared> {
        self.cleared.as_ref()
    }

    /// The network as a whole.
    pub fn network(&self) -> NetworkInfo {
        self.living.network()
    }

    /// Its ports, the host port first.
    pub fn ports(&self) -> Vec<PortInfo> {
        self.living.ports()
    }

    /// What is not as it should be, in words, though the network works without.
    pub fn warnings(&self) -> Vec<String> {
        self.living.warnings()
    }

    /// Forwards until the end, then takes everything down.
    ///
    /// # Errors
    /// [`EndError`] if the engine ended by itself or something could not be removed.
    pub fn run(self, watcher: Option<Watcher<'_>>) -> Result<(), EndError> {
        let Self { runtime, mut signals, listener, living, forwarding, monitor, .. } = self;
        let end = runtime.block_on(async {
            let server = serve(listener, &living);
            let end = tokio::select! {
                signal = signals.next() => End::Wanted(signal),
                () = living.stop_asked() => End::Wanted("request"),
                () = forwarding.ended() => End::Engine,
                never = ticks(&living, watcher) => match never {},
                never = follow(&living, monitor) => match never {},
            };
            living.stop();
            // A client that asked for the end shall get its answer; one that hangs is not waited for.
            let _ = timeout(FAREWELL, server).await;
            end
        });
        drop(runtime);
        match &end {
            End::Wanted(why) => tracing::info!("taking the network down: {why}"),
            End::Engine => tracing::error!("the dataplane has ended; taking the network down"),
        }
        let (forwarded, ports) = match forwarding.stop() {
            Ok(ports) => (Ok(()), ports),
            // The ports of an engine that failed are closed already.
            Err(error) => (Err(error), Vec::new()),
        };
        let topology = living.take_topology();
        let failures = topology.map(|topology| topology.teardown(ports)).unwrap_or_default();
        report(&failures);
        match (end, forwarded) {
            (_, Err(error)) => Err(error),
            (End::Engine, Ok(())) => Err(EndError::EngineReturned),
            (End::Wanted(_), Ok(())) if failures.is_empty() => Ok(()),
            (End::Wanted(_), Ok(())) => Err(EndError::Teardown(failures.len())),
        }
    }

    /// Takes everything down at once, for a caller that cannot go on.
    ///
    /// # Errors
    /// As of [`Self::run`].
    pub fn abandon(self) -> Result<(), EndError> {
        self.living.stop();
        self.run(None)
    }
}

/// A network that stands.
struct Made {
    plan: Plan,
    reserved: Reserved,
    topology: Topology,
    cleared: Option<Cleared>,
}

/// Makes the topology. Others that start at the same time may take what was free when the plan was
/// made; then there is another plan, in which a default subnet is another one.
fn make(request: &NetworkRequest, site: &Site, rootless: bool) -> Result<Made, StartError> {
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
        let reserved = Reserved::bind(plan.network(), site, rootless)?;
        match topology::apply(&plan, site) {
            Ok(topology) => return Ok(Made { plan, reserved, topology, cleared }),
            Err(ApplyError::Overtaken(_)) if attempts < MAX_PLANS => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The parts that exist beside the topology.
struct Started {
    listener: UnixListener,
    relay: Relay,
    forwarding: Forwarding,
    router: Option<RouterConfig>,
    monitor: Option<Monitor>,
}

impl Started {
    fn new(
        topology: &mut Topology,
        runtime: &Runtime,
        plan: &Plan,
        site: &Site,
        reserved: Reserved,
    ) -> Result<Self, StartError> {
        // From here on no change of the host is missed.
        let monitor = Monitor::open()?;
        let mut config = topology.dataplane_config()?;
        let mut router = None;
        if let Some((told, caveats)) = topology.follow(site)? {
            topology.warnings.extend(caveats.into_iter().map(Warning::from));
            config = config.with_router(told.clone())?;
            router = Some(told);
        }
        let socket = site.state_dir.join(plan.network().name().as_str()).join(SOCKET_NAME);
        let (listener, relay) = {
            let _inside = runtime.enter();
            (server::bind(&socket)?, Relay::start(plan.network(), reserved)?)
        };
        let forwarding = Forwarding::start(config, topology.take_ports())?;
        let monitor = router.is_some().then_some(monitor);
        Ok(Self { listener, relay, forwarding, router, monitor })
    }
}

/// The request as it can be carried out with these privileges.
fn fit_for(request: &NetworkRequest, rootless: bool) -> Result<NetworkRequest, Refusal> {
    let mut request = request.clone();
    if rootless {
        if let Some(option) = request.router.asks_for_uplink() {
            return Err(Refusal::Rootless(option));
        }
        request.router.uplink = Some(UplinkKind::None);
    }
    Ok(request)
}

fn serve(listener: UnixListener, living: &Arc<Living>) -> JoinHandle<()> {
    let network = Arc::clone(living);
    let ending = Arc::clone(living);
    tokio::spawn(async move {
        let end = async move { ending.stop_asked().await };
        if let Err(error) = server::serve(listener, network, end).await {
            tracing::error!("the api is gone: {error}; the network goes on without");
        }
    })
}

async fn ticks(living: &Living, mut watcher: Option<Watcher<'_>>) -> std::convert::Infallible {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = Instant::now();
    loop {
        ticks.tick().await;
        let totals = living.look();
        let now = Instant::now();
        if let Some(watcher) = &mut watcher {
            watcher(totals, now - before);
        }
        before = now;
    }
}

fn report(failures: &[topology::TeardownError]) {
    for failure in failures {
        tracing::error!("{failure}");
    }
}
