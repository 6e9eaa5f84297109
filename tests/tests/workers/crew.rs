//! A running engine of several workers, and the hosts at its ports.

use dataplane::config::{Config, PortConfig, RouterConfig, SwitchConfig, Workers};
use dataplane::engine::{Engine, Handle, PortStatus};
use dataplane::outcome::QueueId;
use dataplane::port::memory::{MemoryHost, pair_of};
use dataplane::port::{Offloads, Port};
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Instant;
use udp_bridge_tests::host::wait;
use udp_bridge_tests::world::PortSetup;

/// How many workers each test has, in turn.
pub(super) const CREWS: [usize; 3] = [2, 3, 4];

pub(super) struct Crew {
    pub(super) handle: Handle,
    pub(super) hosts: Vec<MemoryHost>,
    /// Of each port.
    pub(super) queues: usize,
    thread: JoinHandle<io::Result<Vec<Box<dyn Port>>>>,
}

/// A port that learns, without limits.
pub(super) fn port(id: u16) -> PortConfig {
    PortSetup::default().config(id)
}

impl Crew {
    /// So many workers for so many ports of one queue.
    pub(super) fn of(workers: usize, ports: u16) -> Self {
        Self::with(workers, ports, SwitchConfig { storm: None, ..SwitchConfig::default() }, None)
    }

    /// The same with so many queues.
    pub(super) fn of_queues(queues: usize, workers: usize, ports: u16) -> Self {
        let switch = SwitchConfig { storm: None, ..SwitchConfig::default() };
        Self::all(queues, workers, ports, switch, None)
    }

    /// With other settings, and perhaps a router.
    pub(super) fn with(
        workers: usize,
        ports: u16,
        switch: SwitchConfig,
        router: Option<RouterConfig>,
    ) -> Self {
        Self::all(1, workers, ports, switch, router)
    }

    fn all(
        queues: usize,
        workers: usize,
        ports: u16,
        switch: SwitchConfig,
        router: Option<RouterConfig>,
    ) -> Self {
        let config = Config::new(switch, (0..ports).map(port).collect()).unwrap();
        let config = match router {
            None => config,
            Some(router) => config.with_router(router).unwrap(),
        };
        let (near, hosts): (Vec<_>, Vec<_>) =
            (0..ports).map(|_| pair_of(Offloads::ALL, queues)).unzip();
        let boxed = near.into_iter().map(|port| Box::new(port) as Box<dyn Port>).collect();
        let workers = Workers::new(workers).unwrap();
        let (engine, handle) = Engine::with_workers(config, boxed, Vec::new(), workers).unwrap();
        Self { handle, hosts, queues, thread: thread::spawn(|| engine.run()) }
    }

    /// Waits until all that was sent has ended: as many frames were read as were sent.
    pub(super) fn settles(&self, received: u64) {
        wait::for_yes("all frames have been read", || {
            self.handle.ports().iter().map(|port| port.counters.received).sum::<u64>() == received
        });
    }

    /// Ends the engine. Returns what was counted, and how many ports it gave back.
    pub(super) fn stop(self) -> (Vec<PortStatus>, usize) {
        self.handle.stop();
        let ports = self.thread.join().unwrap().unwrap();
        assert!(self.handle.fdb().is_err(), "who has ended does not answer");
        (self.handle.ports(), ports.len())
    }
}

/// Asks again and again, without a pause, until there is an answer. Panics when there is none in time.
pub(super) fn at_last<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < wait::LONG, "not within {:?}: {what}", wait::LONG);
        thread::yield_now();
    }
}

/// Sends a frame as soon as the queue has room.
pub(super) fn send(host: &MemoryHost, frame: &[u8]) {
    send_by(host, QueueId::FIRST, frame);
}

/// The same by this queue.
pub(super) fn send_by(host: &MemoryHost, queue: QueueId, frame: &[u8]) {
    at_last("room in the queue", || host.send_by(queue, frame).then_some(()));
}

/// The next frame that comes.
pub(super) fn next(host: &MemoryHost) -> Vec<u8> {
    at_last("a frame", || host.receive())
}
