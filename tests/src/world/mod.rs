//! A world in memory: hosts on memory ports around one forwarder, and a clock that the test sets.
//!
//! ```text
//!  host 0   host 1   host 2 …        each a MAC and the far end of a memory port
//!     └───────┼─────────┘
//!         Forwarder                  driven by hand: no thread, no poller, no clock
//! ```
//!
//! [`World::moves`] asserts *exactly* which counters an event moved: one that moved without being
//! listed fails the test as one that did not move does. A world that is dropped by a failing test
//! prints all that it knows: counters and FDB.
//!
//! | file | question |
//! |---|---|
//! | `mod` | what happens in a world? |
//! | `setup` | what is it to be? |
//! | `known` | what is known in it, and what was counted? |
#![allow(clippy::expect_used, reason = "a world that cannot be made is a failed test")]

mod known;
mod setup;

pub use setup::{PortSetup, Setup, own_mac, strange_mac};

use crate::counts::{Move, sum};
use dataplane::capture::{self, Catch, Spec};
use dataplane::clock::Time;
use dataplane::config::{ConfigError, RouterConfig, SwitchConfig};
use dataplane::engine::{AddError, CapturesFull, Forwarder, Served};
use dataplane::outcome::PortId;
use dataplane::pipeline::{Prepared, Router};
use dataplane::port::memory::{MemoryHost, pair};
use dataplane::switch::Room;
use std::time::Duration;

/// The world.
pub struct World {
    setup: Setup,
    forwarder: Forwarder,
    hosts: Vec<MemoryHost>,
    now: Time,
}

impl World {
    /// The far end of a port.
    pub fn host(&self, port: u16) -> &MemoryHost {
        &self.hosts[usize::from(port)]
    }

    /// What a port was set up as.
    pub fn setup(&self, port: u16) -> &PortSetup {
        &self.setup.ports[usize::from(port)]
    }

    /// The ports.
    pub fn ports(&self) -> std::ops::Range<u16> {
        0..self.hosts.len() as u16
    }

    /// Is the port there still?
    pub fn is_alive(&self, port: u16) -> bool {
        self.forwarder.is_alive(PortId(port))
    }

    /// Puts a plain frame into a host's queue. Panics if that is full.
    pub fn send(&self, port: u16, frame: &[u8]) {
        assert!(self.host(port).send(frame), "the queue of host {port} is full");
    }

    /// Puts a virtio header and a frame into a host's queue. Panics if that is full.
    pub fn send_raw(&self, port: u16, bytes: Vec<u8>) {
        assert!(self.host(port).send_raw(bytes), "the queue of host {port} is full");
    }

    /// All frames that wait in a host's inbox.
    pub fn received_by(&self, port: u16) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.host(port).receive()).collect()
    }

    /// The same with their virtio headers.
    pub fn raw_received_by(&self, port: u16) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.host(port).receive_raw()).collect()
    }

    /// Serves one port for one frame.
    pub fn step(&mut self, port: u16) -> Served {
        self.forwarder.serve(PortId(port), 1, self.now)
    }

    /// Serves the ports in turn, a frame each, until none has one.
    pub fn run(&mut self) {
        let mut moved = true;
        while moved {
            moved = false;
            for port in self.ports() {
                moved |= matches!(self.step(port), Served::More | Served::Dry(_));
            }
        }
    }

    /// Puts a port in whose name and MAC have this number. Returns its id.
    ///
    /// # Errors
    /// What the forwarder says.
    pub fn add(&mut self, number: u16, setup: PortSetup) -> Result<u16, AddError> {
        let (port, host) = pair(setup.offloads);
        let id = self.forwarder.add(&setup.config(number), Box::new(port))?.0;
        let at = usize::from(id);
        self.setup.ports.resize(self.setup.ports.len().max(at + 1), PortSetup::default());
        self.setup.ports[at] = setup;
        match self.hosts.get_mut(at) {
            Some(gone) => *gone = host,
            None => self.hosts.push(host),
        }
        Ok(id)
    }

    /// Takes a port out, as a handle does: with all that is of it. Says whether it was there.
    pub fn remove(&mut self, port: u16) -> bool {
        let removed = self.forwarder.remove(PortId(port), self.now);
        self.purge();
        removed.is_some()
    }

    /// Puts another configuration of the router in force, or a switch alone, as a handle does.
    pub fn reconfigure(&mut self, router: Option<RouterConfig>) {
        match router {
            Some(router) => {
                let prepared = Prepared::new(router).expect("a valid router");
                self.forwarder.route(prepared, None).expect("a router for these ports");
            }
            None => drop(self.forwarder.unroute(self.now)),
        }
        self.purge();
    }

    /// Gives the switch other settings, as a handle does.
    ///
    /// # Errors
    /// What the forwarder says.
    pub fn set_switch(
        &mut self,
        change: impl FnOnce(&mut SwitchConfig),
    ) -> Result<(), ConfigError> {
        let mut switch = self.setup.switch.clone();
        change(&mut switch);
        let room = Some(Room::new(switch.fdb_capacity));
        self.forwarder.set_switch(&switch, room, self.now)?;
        while self.forwarder.trim_fdb(3) {}
        self.setup.switch = switch;
        Ok(())
    }

    /// Ends the flows that the last change concerns.
    fn purge(&mut self) {
        while self.forwarder.pipeline_mut().purge(self.now) {}
    }

    /// The forwarder, to be changed.
    pub fn forwarder(&mut self) -> &mut Forwarder {
        &mut self.forwarder
    }

    /// Lets time go by.
    pub fn wait(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    /// Lets what has aged out go. Returns how many entries went.
    pub fn expire(&mut self) -> usize {
        self.forwarder.expire(self.now, usize::MAX)
    }

    /// Lets what waits in the router too long go, and looks at every flow once.
    pub fn expire_router(&mut self) {
        self.forwarder.give_up(self.now);
        if let Some(router) = &mut self.forwarder.pipeline_mut().router {
            router.expire(self.now, usize::MAX);
        }
    }

    /// The stages above layer 2. Panics if the world has none.
    pub fn routed(&mut self) -> &mut Router {
        self.forwarder.pipeline_mut().router.as_mut().expect("a world with a router")
    }

    /// Begins a capture.
    pub fn capture(&mut self, spec: Spec) -> Catch {
        self.try_capture(spec).expect("room for a capture")
    }

    /// Begins a capture.
    ///
    /// # Errors
    /// There are as many as there may be.
    pub fn try_capture(&mut self, spec: Spec) -> Result<Catch, CapturesFull> {
        let (capture, catch) = capture::begin(spec, self.hosts.len());
        self.forwarder.capture(capture, self.now)?;
        Ok(catch)
    }

    /// Is anything captured?
    pub fn is_captured(&mut self) -> bool {
        self.forwarder.clear_captures(self.now);
        self.forwarder.is_captured()
    }

    /// Does `event`, runs until quiet, and asserts that exactly the `expected` counters moved.
    #[track_caller]
    pub fn moves(
        &mut self,
        event: impl FnOnce(&mut Self),
        expected: impl IntoIterator<Item = Move>,
    ) {
        let before = self.counters();
        event(self);
        self.run();
        let (moved, expected) = (self.moved_since(&before), sum(expected));
        assert_eq!(moved, expected, "left: what moved; right: what should have");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{self:?}");
        }
    }
}
