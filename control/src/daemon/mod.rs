//! Who keeps networks alive?
//!
//! A [`Daemon`]: a process that holds one network and ends with it, as `up` makes it, or many that come
//! and go, as `daemon` does.
//!
//! ```text
//!     thread main                              for each network
//!     signals ─┐                               a thread "dataplane": engine, TAP <-> TAP
//!     api      ├─> one loop ──> networks ───>  a guard: waits for its end, takes it down
//!     tick     ┤                   │           relays of its published ports
//!     host     ┘                   └─ threads beside, where something takes its time
//! ```
//!
//! The process ends in order on SIGINT, SIGTERM, SIGHUP and when it is asked to over the api; a network
//! when it is asked to, and in disorder when its engine ends by itself or panics, which is no concern
//! of the others. Either way everything that was made is removed. Signals that come after the first
//! change nothing. While nobody asks anything, the loop wakes once a second to see whether ports have
//! died.

mod answers;
pub mod change;
mod error;
mod following;
mod forwarding;
mod fullness;
mod living;
mod networks;
mod readiness;
mod rules;
mod running;
mod signals;
mod ticking;

pub use error::{EndError, StartError};
pub use living::Totals;
pub use networks::Started;
pub use signals::Signals;
pub use ticking::{TICK, Watcher};

use crate::api::SOCKET_NAME;
use crate::api::protocol::{NetworkInfo, PortInfo};
use crate::api::server::{self, Network as _, Patience};
use crate::model::NetworkRequest;
use crate::netlink::Monitor;
use crate::topology::{self, Keeper, Sandboxes, Site};
use answers::Answers;
use following::follow;
use networks::{Networks, Outcome, lock};
use nix::unistd::{Gid, Group};
use running::{Circumstances, Door, known};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use ticking::tick;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long answers under way may take when the process ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// A process that holds networks.
pub struct Daemon {
    runtime: Runtime,
    signals: Signals,
    monitor: Monitor,
    networks: Arc<Networks>,
    listener: Option<UnixListener>,
    /// Where Prometheus asks, beside the api.
    metrics: Option<TcpListener>,
    /// Of a daemon that holds many networks. Dropped last.
    keeper: Option<Keeper>,
}

impl Daemon {
    /// A process for one network, which is to be [started](Self::start). With `rootless` it is in a
    /// user namespace of its own already.
    ///
    /// # Errors
    /// Signals cannot be caught, or the host cannot be followed.
    pub fn alone(site: &Site, rootless: bool) -> Result<Self, StartError> {
        Self::new(Circumstances { site: site.clone(), rootless, door: Door::Own })
    }

    /// A daemon for many networks, which listens in the state directory. What killed processes have left
    /// there is cleared. Members of the group may ask it too.
    ///
    /// # Errors
    /// Another daemon is there, or there is no such group; as of [`Self::alone`] otherwise.
    pub fn of_many(site: &Site, rootless: bool, group: Option<&str>) -> Result<Self, StartError> {
        let group = group.map(find_group).transpose()?;
        let keeper = Keeper::claim(site, group)?;
        let circumstances = Circumstances { site: site.clone(), rootless, door: Door::Daemons };
        let mut daemon = Self::new(circumstances)?;
        daemon.keeper = Some(keeper);
        clear_dead(site)?;
        Sandboxes::sweep(site)?;
        let path = site.state_dir.join(SOCKET_NAME);
        let _inside = daemon.runtime.enter();
        daemon.listener = Some(server::bind(&path)?);
        if let Some(group) = group {
            server::open_to(&path, group)?;
        }
        drop(_inside);
        Ok(daemon)
    }

    /// A process for the networks of a file, which listens in a folder of its own.
    ///
    /// # Errors
    /// As of [`Self::alone`]; the folder or its socket cannot be made.
    pub fn of_file(site: &Site, rootless: bool) -> Result<Self, StartError> {
        let circumstances = Circumstances { site: site.clone(), rootless, door: Door::Files };
        let mut daemon = Self::new(circumstances)?;
        let folder = lock(&daemon.networks.held).claim()?;
        let _inside = daemon.runtime.enter();
        daemon.listener = Some(server::bind(&folder.join(SOCKET_NAME))?);
        drop(_inside);
        Ok(daemon)
    }

    /// Puts a file in force.
    ///
    /// # Errors
    /// [`change::ChangeError`]; nothing of it is left then.
    pub fn apply(
        &mut self,
        request: change::Request,
    ) -> Result<change::Change, change::ChangeError> {
        self.runtime.block_on(answers::change(self.networks.clone(), request, false))
    }

    /// What was made of a file, and what is not as it should be.
    pub fn announced(&self) -> (Vec<(NetworkInfo, Vec<PortInfo>)>, Vec<String>) {
        let living = self.networks.living();
        let warnings = living.iter().flat_map(|one| one.warnings()).collect();
        (living.iter().map(|one| (one.network(), one.ports())).collect(), warnings)
    }

    fn new(circumstances: Circumstances) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Runtime)?;
        // From here on a signal waits until a network stands, and takes it down in order then.
        let signals = {
            let _inside = runtime.enter();
            Signals::new().map_err(StartError::Signals)?
        };
        // From here on no change of the host is missed.
        let monitor = Monitor::open()?;
        let networks = Arc::new(Networks::new(circumstances));
        let (listener, metrics, keeper) = (None, None, None);
        Ok(Self { runtime, signals, monitor, networks, listener, metrics, keeper })
    }

    /// Answers Prometheus at this listener as well.
    ///
    /// # Errors
    /// The listener cannot be waited for.
    pub fn with_metrics(mut self, listener: std::net::TcpListener) -> Result<Self, StartError> {
        let _inside = self.runtime.enter();
        listener.set_nonblocking(true).map_err(StartError::Runtime)?;
        self.metrics = Some(TcpListener::from_std(listener).map_err(StartError::Runtime)?);
        drop(_inside);
        Ok(self)
    }

    /// Makes a network and starts forwarding. Leftovers of a dead process of the same name are cleared
    /// first.
    ///
    /// # Errors
    /// [`StartError`] says which step failed; whatever had been made is removed again.
    pub fn start(&mut self, request: &NetworkRequest) -> Result<Started, StartError> {
        let mut started = self.runtime.block_on(self.networks.start(request.clone()))?;
        self.listener = self.listener.take().or(started.listener.take());
        Ok(started)
    }

    /// Forwards until the end, then takes everything down. A process of one network ends with it.
    ///
    /// # Errors
    /// [`EndError`] if something could not be removed, or the engine of the one network ended by
    /// itself.
    pub fn run(self, watcher: Option<Watcher<'_>>) -> Result<(), Arc<EndError>> {
        let Self { runtime, mut signals, monitor, networks, listener, metrics, keeper } = self;
        let outcomes = runtime.block_on(async {
            let closing = Arc::new(Notify::new());
            let server = listener.map(|listener| serve(listener, &networks, &closing));
            let metrics = metrics.map(|listener| {
                let answers = Arc::new(Answers(networks.clone()));
                tokio::spawn(server::serve_metrics(listener, answers, Patience::default()))
            });
            if keeper.is_some() {
                readiness::tell(readiness::READY);
            }
            let mut outcomes = Vec::new();
            let why = tokio::select! {
                signal = signals.next() => signal,
                why = networks.stop_asked() => why,
                outcome = alone_ended(&networks) => {
                    outcomes.push(outcome);
                    "the network has ended"
                }
                never = tick(&networks, watcher) => match never {},
                never = follow(&networks, monitor) => match never {},
            };
            if keeper.is_some() {
                readiness::tell(readiness::STOPPING);
                tracing::info!("ending: {why}");
            }
            outcomes.extend(networks.end_all(why).await);
            // A client that asked for the end shall get its answer; one that hangs is not waited for.
            closing.notify_one();
            if let Some(metrics) = metrics {
                metrics.abort();
            }
            if let Some(server) = server {
                let _ = timeout(FAREWELL, server).await;
            }
            outcomes
        });
        drop(runtime);
        outcomes.into_iter().collect()
    }

    /// Takes everything down at once, for a caller that cannot go on.
    ///
    /// # Errors
    /// As of [`Self::run`].
    pub fn abandon(self) -> Result<(), Arc<EndError>> {
        self.networks.stop("it cannot go on");
        self.run(None)
    }
}

fn find_group(name: &str) -> Result<Gid, StartError> {
    let group = Group::from_name(name).ok().flatten();
    group.map(|group| group.gid).ok_or_else(|| StartError::Group(name.to_owned()))
}

/// Clears what killed processes have left. What cannot be cleared is left to `down`, and keeps nothing
/// but its own name from being used.
fn clear_dead(site: &Site) -> Result<(), StartError> {
    for network in known(site)?.into_iter().filter(|network| !network.alive) {
        match topology::clear(site, &network.name) {
            Ok(_) => tracing::info!("cleared what a killed process had left of {}", network.name),
            Err(error) => tracing::warn!("{error}"),
        }
    }
    Ok(())
}

fn serve(
    listener: UnixListener,
    networks: &Arc<Networks>,
    closing: &Arc<Notify>,
) -> JoinHandle<()> {
    let answers = Arc::new(Answers(networks.clone()));
    let closing = closing.clone();
    tokio::spawn(async move {
        let end = async move { closing.notified().await };
        server::serve(listener, answers, Patience::default(), end).await;
    })
}

/// Waits for the end of the network whose process this is; for ever where there may be many.
async fn alone_ended(networks: &Networks) -> Outcome {
    match networks.members().pop() {
        Some(member) if networks.circumstances().door == Door::Own => member.ended().await,
        _ => pending().await,
    }
}
