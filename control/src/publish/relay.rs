//! Who runs the relays, and what do they count?
//!
//! A task for each socket and each client, all on the caller's runtime, until [`Relay::end`]. They share
//! the limits and one buffer for datagrams; each entry of `--publish` has its own tasks and counts.

use super::origin::Origin;
use super::refusal::Refusal;
use super::reserve::Reserved;
use super::udp::Door;
use super::{PublishError, target, tcp};
use crate::api::protocol::{PublishedInfo, RefusalCount};
use crate::model::{Network, Protocol, Written};
use dataplane::config;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Most TCP connections that are relayed at one time; each has two descriptors and two buffers. It is
/// what one host's own programs need, not what a service needs, whose clients are elsewhere.
pub const MAX_RELAYED_CONNECTIONS: usize = 1024;

/// Most UDP clients that are relayed at one time; each has a descriptor.
pub const MAX_RELAYED_SESSIONS: usize = 1024;

/// Longest datagram, its header not counted.
const MAX_DATAGRAM: usize = 65_535;

/// The relays of a network.
#[derive(Debug, Default)]
pub struct Relay {
    entries: Mutex<Vec<Arc<Entry>>>,
    /// Once something was published.
    shared: Mutex<Option<Arc<Shared>>>,
}

impl Relay {
    /// Relays whatever connects to the reserved ports of the network, as tasks of the runtime that
    /// the caller is in.
    ///
    /// # Errors
    /// As of [`Self::add`].
    pub fn start(network: &Network, reserved: Vec<Reserved>) -> Result<Self, PublishError> {
        let relay = Self::default();
        reserved.into_iter().try_for_each(|one| relay.add(network, one))?;
        Ok(relay)
    }

    /// Relays whatever connects to one more entry of the network's, which is reserved completely.
    ///
    /// # Errors
    /// The kernel cannot be asked who is who, or the sockets cannot be watched; its ports are given
    /// back then.
    pub fn add(&self, network: &Network, reserved: Reserved) -> Result<(), PublishError> {
        let Reserved { written, sockets } = reserved;
        let Some(target) = target(network, &written) else { return Ok(()) };
        let shared = self.shared()?;
        let entry = Arc::new(Entry::new(written, target));
        for (bound, offset) in sockets.into_iter().flatten().zip(0..) {
            let place = Place { entry: entry.clone(), offset, shared: shared.clone() };
            if let Err(error) = place.serve(bound.socket) {
                lock(&entry.tasks).abort_all();
                return Err(PublishError::Watch(error));
            }
        }
        lock(&self.entries).push(entry);
        Ok(())
    }

    fn shared(&self) -> Result<Arc<Shared>, PublishError> {
        let mut shared = lock(&self.shared);
        if let Some(shared) = &*shared {
            return Ok(shared.clone());
        }
        let new = Arc::new(Shared::new(Origin::open()?));
        *shared = Some(new.clone());
        Ok(new)
    }

    /// Ends what is relayed of one entry, and gives its ports back.
    pub async fn remove(&self, written: &Written) {
        let gone = {
            let mut entries = lock(&self.entries);
            let index = entries.iter().position(|entry| entry.written == *written);
            index.map(|index| entries.remove(index))
        };
        if let Some(entry) = gone {
            entry.end().await;
        }
    }

    /// Ends everything that is relayed, and gives the ports back.
    pub async fn end(&self) {
        let entries = lock(&self.entries).clone();
        for entry in entries {
            entry.end().await;
        }
    }

    /// What is published, with the counts, in the order in which it was published.
    pub fn status(&self) -> Vec<PublishedInfo> {
        lock(&self.entries).iter().map(|entry| entry.describe()).collect()
    }
}

/// As [`Relay::end`], but for the moment until the runtime has seen to it.
impl Drop for Relay {
    fn drop(&mut self) {
        for entry in &*lock(&self.entries) {
            lock(&entry.tasks).abort_all();
        }
    }
}

/// What all relays share.
pub(super) struct Shared {
    pub(super) origin: Origin,
    pub(super) connections: Arc<Semaphore>,
    pub(super) sessions: Arc<Semaphore>,
    /// One datagram on its way; it is never kept across a wait.
    pub(super) buffer: Mutex<Box<[u8]>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    fn new(origin: Origin) -> Self {
        Self {
            origin,
            connections: Arc::new(Semaphore::new(MAX_RELAYED_CONNECTIONS)),
            sessions: Arc::new(Semaphore::new(MAX_RELAYED_SESSIONS)),
            buffer: Mutex::new(vec![0; MAX_DATAGRAM].into()),
        }
    }
}

/// One `--publish`.
#[derive(Debug)]
pub(super) struct Entry {
    written: Written,
    target: config::Publish,
    now: AtomicU64,
    total: AtomicU64,
    /// At the index of each [`Refusal`].
    refused: [AtomicU64; Refusal::ALL.len()],
    /// Its sockets and clients.
    tasks: Mutex<JoinSet<()>>,
}

impl Entry {
    fn new(written: Written, target: config::Publish) -> Self {
        let (now, total, refused, tasks) = Default::default();
        Self { written, target, now, total, refused, tasks }
    }

    /// Runs a task until it is done or the entry ends.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        // Those that are done would be kept otherwise.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    async fn end(&self) {
        loop {
            let mut tasks = std::mem::take(&mut *lock(&self.tasks));
            if tasks.is_empty() {
                return;
            }
            // One of them may begin another meanwhile.
            tasks.shutdown().await;
        }
    }

    /// Counts one that was refused.
    pub(super) fn refuse(&self, why: Refusal) {
        self.refused[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one that is relayed, until what is returned is dropped.
    pub(super) fn relayed(self: &Arc<Self>) -> Relayed {
        self.now.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
        Relayed(self.clone())
    }

    fn describe(&self) -> PublishedInfo {
        let written = &self.written;
        let refused = Refusal::ALL.into_iter().map(|why| RefusalCount {
            reason: why.name().to_owned(),
            count: self.refused[why as usize].load(Ordering::Relaxed),
            explanation: why.explain().to_owned(),
        });
        PublishedInfo {
            protocol: written.protocol.to_string(),
            address: written.address,
            first_port: *written.ports.start(),
            last_port: *written.ports.end(),
            port: written.name.clone(),
            target_ipv4: self.target.target_v4,
            target_ipv6: self.target.target_v6,
            target_first_port: *written.targets.start(),
            target_last_port: *written.targets.end(),
            relayed_now: self.now.load(Ordering::Relaxed),
            relayed_total: self.total.load(Ordering::Relaxed),
            refused: refused.filter(|refused| refused.count > 0).collect(),
        }
    }
}

/// One that is relayed now.
pub(super) struct Relayed(Arc<Entry>);

impl Drop for Relayed {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One socket's place: which port of which entry.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) entry: Arc<Entry>,
    pub(super) shared: Arc<Shared>,
    /// How many ports of the entry come before this one.
    offset: u16,
}

impl Place {
    /// Where a client with this address is led to: in its own family if the namespace has that.
    pub(super) fn target(&self, client: IpAddr) -> SocketAddr {
        let target = &self.entry.target;
        let v6 = target.target_v6.filter(|_| client.to_canonical().is_ipv6());
        let address = v6.map_or(IpAddr::V4(target.target_v4), IpAddr::V6);
        // The model has proven that the ranges are of one length.
        SocketAddr::new(address, target.target_port.saturating_add(self.offset))
    }

    fn serve(self, socket: OwnedFd) -> io::Result<()> {
        match self.entry.written.protocol {
            Protocol::Tcp => {
                let listener = tokio::net::TcpListener::from_std(TcpListener::from(socket))?;
                self.entry.clone().spawn(tcp::serve(listener, self));
            }
            Protocol::Udp => {
                let socket = tokio::net::UdpSocket::from_std(UdpSocket::from(socket))?;
                self.entry.clone().spawn(Arc::new(Door::new(socket, self)).serve());
            }
        }
        Ok(())
    }
}

/// What these locks guard is consistent at any time, so a panic elsewhere does not spoil it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
