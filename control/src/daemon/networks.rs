//! Which networks does this process hold?
//!
//! ```text
//!     start ──> made on a thread beside ──> Member ── guard: waits for its end, takes it down
//!                                             │
//!                                     living ─┴─ ended: what came of it
//! ```
//!
//! Networks share nothing but this list, so that the end of one, wanted or not, is its own affair.

use super::change::{self, Held};
use super::living::Living;
use super::running::{Circumstances, Door, End, Made, Running};
use super::{EndError, StartError};
use crate::api::server::Network as _;
use crate::model::{Network, NetworkRequest};
use crate::topology::Cleared;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::net::UnixListener;
use tokio::sync::{Notify, RwLock, watch};
use tokio::task::spawn_blocking;

/// What came of a network's end.
pub(super) type Outcome = Result<(), Arc<EndError>>;

/// The networks of a process.
pub(super) struct Networks {
    circumstances: Circumstances,
    since: Instant,
    members: Mutex<BTreeMap<String, Member>>,
    /// Held for reading while a network is made; true once no more are.
    closed: RwLock<bool>,
    newcomer: Notify,
    /// All of them in the words of the model. Who changes something has it for long: the process's own loop
    /// never waits for it.
    pub(super) held: Mutex<Held>,
    /// Does somebody wait for [`Self::held`] to forget what has ended?
    forgetting: AtomicBool,
    /// Why the process is to end, once somebody wants that.
    stop: watch::Sender<Option<&'static str>>,
}

/// One of them.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) living: Arc<Living>,
    ended: watch::Receiver<Option<Outcome>>,
}

/// A network that was just made.
pub struct Started {
    pub(super) living: Arc<Living>,
    /// What a killed process had left of it, and was cleared before.
    pub cleared: Option<Cleared>,
    /// Its own socket, if it has one.
    pub(super) listener: Option<UnixListener>,
}

impl Networks {
    pub(super) fn new(circumstances: Circumstances) -> Self {
        let held = Mutex::new(Held::new(&circumstances.site));
        Self {
            circumstances,
            held,
            since: Instant::now(),
            members: Mutex::default(),
            closed: RwLock::default(),
            newcomer: Notify::new(),
            forgetting: AtomicBool::new(false),
            stop: watch::Sender::new(None),
        }
    }

    pub(super) fn circumstances(&self) -> &Circumstances {
        &self.circumstances
    }

    /// When the process began.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Makes a network and keeps it until its end. To be waited for to the end: what is made would be
    /// removed again.
    ///
    /// # Errors
    /// [`StartError`] says which step failed; whatever had been made is removed again.
    pub(super) async fn start(
        self: &Arc<Self>,
        request: NetworkRequest,
    ) -> Result<Started, StartError> {
        let closed = self.closed.read().await;
        if *closed {
            return Err(StartError::Ending);
        }
        let there = self.members().into_iter().next().map(|member| member.living.network().name);
        if let (Door::Own, Some(name)) = (self.circumstances.door, there) {
            return Err(StartError::Alone(name));
        }
        let networks = self.clone();
        let made = spawn_blocking(move || {
            let (made, numbered) = Made::new(&request, &networks.circumstances)?;
            let mut held = lock(&networks.held);
            // One of the same name has ended, or this one would not be there.
            change::forget(&networks, &mut held);
            held.admit(numbered, made.running.living.clone());
            drop(held);
            Ok::<_, StartError>(made)
        });
        let started = self.admit(made.await.map_err(StartError::Broken)??);
        if self.members().len() > 1 {
            // To those before it, it would be the outside.
            let networks = self.clone();
            if let Err(panic) = spawn_blocking(move || networks.tell_all()).await {
                tracing::error!("networks do not know of all others: {panic}; please report this");
            }
        }
        Ok(started)
    }

    /// Makes a network of a file, on the calling thread. Errors are those of [`Self::start`].
    pub(super) fn declare(self: &Arc<Self>, network: Network) -> Result<Arc<Living>, StartError> {
        let made = Made::declared(network, &self.circumstances)?;
        Ok(self.admit(made).living)
    }

    /// Keeps a network until its end.
    fn admit(self: &Arc<Self>, made: Made) -> Started {
        let Made { running, cleared, listener } = made;
        let living = running.living.clone();
        let (sender, ended) = watch::channel(None);
        let member = Member { living: living.clone(), ended };
        lock(&self.members).insert(living.network().name, member);
        tokio::spawn(self.clone().guard(running, sender));
        self.newcomer.notify_one();
        Started { living, cleared, listener }
    }

    /// Waits for the end of a network and takes it down.
    async fn guard(self: Arc<Self>, running: Running, ended: watch::Sender<Option<Outcome>>) {
        let living = running.living.clone();
        let name = living.network().name;
        let why = tokio::select! {
            why = living.stop_asked() => End::Wanted(why),
            () = running.forwarding.ended() => End::Engine,
        };
        match why {
            End::Wanted(why) => tracing::info!("taking network {name} down: {why}"),
            End::Engine => {
                tracing::error!("the dataplane of network {name} has ended; taking it down");
            }
        }
        living.stop("the dataplane has ended");
        living.end_relay().await;
        let result = match spawn_blocking(move || running.end(why)).await {
            Ok(result) => result,
            Err(panic) => Err(EndError::Broken(panic)),
        };
        if let Err(error) = &result
            && self.circumstances.door == Door::Daemons
        {
            tracing::error!("network {name}: {error}");
        }
        let mut members = lock(&self.members);
        // One of the same name may have been made since.
        if members.get(&name).is_some_and(|member| Arc::ptr_eq(&member.living, &living)) {
            members.remove(&name);
        }
        drop(members);
        ended.send_replace(Some(result.map_err(Arc::new)));
        // Who waits for the end may have what this waits for. One that waits is enough for all.
        if !self.forgetting.swap(true, Ordering::Relaxed) {
            spawn_blocking(move || {
                let mut held = lock(&self.held);
                self.forgetting.store(false, Ordering::Relaxed);
                change::forget(&self, &mut held);
            });
        }
    }

    /// Forgets the networks that have ended, with the rules of others that name them. Waits for a change under
    /// way.
    pub(super) fn forget(self: &Arc<Self>) {
        change::forget(self, &mut lock(&self.held));
    }

    /// A network, also one that is ending.
    pub(super) fn member(&self, name: &str) -> Option<Member> {
        lock(&self.members).get(name).cloned()
    }

    /// All of them.
    pub(super) fn members(&self) -> Vec<Member> {
        lock(&self.members).values().cloned().collect()
    }

    /// Those that are not ending.
    pub(super) fn living(&self) -> Vec<Arc<Living>> {
        let members = lock(&self.members);
        let living = members.values().map(|member| &member.living);
        living.filter(|living| !living.is_ending()).cloned().collect()
    }

    /// Lets no more be made while it is held; true once none is any more.
    pub(super) async fn making(&self) -> tokio::sync::RwLockReadGuard<'_, bool> {
        self.closed.read().await
    }

    /// Waits until a network was made that was not told of yet.
    pub(super) async fn newcomer(&self) {
        self.newcomer.notified().await;
    }

    /// Asks for the end of the process.
    pub(super) fn stop(&self, why: &'static str) {
        self.stop.send_replace(Some(why));
    }

    /// Waits until somebody has asked for the end of the process, and says why.
    pub(super) async fn stop_asked(&self) -> &'static str {
        let mut asked = self.stop.subscribe();
        let why = asked.wait_for(Option::is_some).await;
        why.ok().and_then(|why| *why).unwrap_or_default()
    }

    /// Ends all networks, also those that are being made, and lets no more be made.
    pub(super) async fn end_all(self: &Arc<Self>, why: &'static str) -> Vec<Outcome> {
        *self.closed.write().await = true;
        let members = self.members();
        for member in &members {
            member.living.stop(why);
        }
        let mut outcomes = Vec::with_capacity(members.len());
        for member in members {
            outcomes.push(member.ended().await);
        }
        let networks = self.clone();
        // Namespaces of sandboxes go behind the interfaces in them.
        let end = move || lock(&networks.held).end(&networks.circumstances.site);
        let _ = spawn_blocking(end).await;
        outcomes
    }
}

impl Member {
    /// Waits for its end.
    pub(super) async fn ended(mut self) -> Outcome {
        match self.ended.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
            // Its guard panicked; what it had was dropped, and so taken down.
            Err(_) => Err(Arc::new(EndError::Unguarded)),
        }
    }
}

/// What this lock guards is consistent at any time, so a panic elsewhere does not spoil it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::netns::{prepare_directory, rootless};
    use crate::topology::{self, Site};
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};

    /// Runs a test with networks in namespaces of its own; nothing without privileges.
    pub(in crate::daemon) fn on_a_host<F: Future<Output = ()>>(
        test: impl FnOnce(Arc<Networks>) -> F + Send,
    ) {
        if !rootless::is_privileged() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let site =
            Site { state_dir: folder.path().join("state"), netns_dir: folder.path().join("netns") };
        std::thread::scope(|scope| {
            let host = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
                let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
                mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
                prepare_directory(&site.netns_dir).unwrap();
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let circumstances =
                    Circumstances { site: site.clone(), rootless: false, door: Door::Daemons };
                runtime.block_on(test(Arc::new(Networks::new(circumstances))));
                assert!(topology::networks(&site).unwrap().is_empty());
            });
            host.join().unwrap();
        });
    }

    /// A network without an uplink, which needs no more than TAPs.
    pub(in crate::daemon) fn request(name: &str) -> NetworkRequest {
        let mut request = NetworkRequest::new(name, 2);
        request.router.uplink = Some(crate::model::UplinkKind::None);
        request
    }

    #[test]
    fn the_end_of_one_engine_takes_its_network_down_and_no_other() {
        on_a_host(|networks| async move {
            for name in ["red", "blue"] {
                networks.start(request(name)).await.unwrap();
            }
            let red = networks.member("red").unwrap();
            red.living.end_engine();
            let ended = red.ended().await.unwrap_err();
            assert!(matches!(*ended, EndError::EngineReturned), "{ended}");
            let left: Vec<_> = networks.living().iter().map(|one| one.network().name).collect();
            assert_eq!(left, ["blue"]);
            // Its name and all that it had is free again.
            networks.start(request("red")).await.unwrap();
            let outcomes = networks.end_all("the test is over").await;
            assert!(outcomes.len() == 2 && outcomes.iter().all(Result::is_ok), "{outcomes:?}");
            assert!(matches!(networks.start(request("late")).await, Err(StartError::Ending)));
        });
    }
}
