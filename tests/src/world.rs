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
#![allow(clippy::expect_used, reason = "a world that cannot be made is a failed test")]

use crate::counts::{Move, Moved, differences, sum};
use dataplane::capture::{self, Catch, Spec};
use dataplane::clock::Time;
use dataplane::config::{Config, ConfigError, PortConfig, PortLimits, RouterConfig, SwitchConfig};
use dataplane::conntrack::FlowView;
use dataplane::counters::CounterSnapshot;
use dataplane::engine::{AddError, CapturesFull, FdbEntry, Forwarder, Served};
use dataplane::outcome::{DropReason, PortId};
use dataplane::pipeline::{Cursor, Prepared, Router, Story};
use dataplane::port::memory::{MemoryHost, pair};
use dataplane::port::{Offloads, Port};
use dataplane::switch::Room;
use dataplane::wire::ethernet::MacAddr;
use std::fmt;
use std::time::Duration;

/// What one port of a world is to be.
#[derive(Clone, Debug)]
pub struct PortSetup {
    /// What frames may leave undone here.
    pub offloads: Offloads,
    /// The MTU in bytes.
    pub mtu: u16,
    /// Reaches only ports that are not isolated.
    pub isolated: bool,
    /// Accepts frames from its own MAC alone.
    pub check_source: bool,
    /// How much it may send, get and begin.
    pub limits: PortLimits,
}

impl Default for PortSetup {
    fn default() -> Self {
        Self {
            offloads: Offloads::ALL,
            mtu: 1500,
            isolated: false,
            check_source: false,
            limits: PortLimits::NONE,
        }
    }
}

impl PortSetup {
    /// The port's configuration, if it is named and addressed by this number.
    pub fn config(&self, number: u16) -> PortConfig {
        PortConfig {
            name: format!("port-{number}"),
            mac: own_mac(number),
            mtu: self.mtu,
            isolated: self.isolated,
            check_source: self.check_source,
            limits: self.limits,
        }
    }
}

/// A world to be: all offloads, MTU 1500, nothing isolated, no source check and no storm control
/// unless it is changed.
#[derive(Clone, Debug)]
pub struct Setup {
    switch: SwitchConfig,
    ports: Vec<PortSetup>,
    router: Option<RouterConfig>,
}

impl Setup {
    /// A world of this many ports.
    pub fn of(ports: u16) -> Self {
        Self {
            switch: SwitchConfig { storm: None, ..SwitchConfig::default() },
            ports: vec![PortSetup::default(); usize::from(ports)],
            router: None,
        }
    }

    /// The same with one port changed.
    #[must_use]
    pub fn port(mut self, port: u16, change: impl FnOnce(&mut PortSetup)) -> Self {
        change(&mut self.ports[usize::from(port)]);
        self
    }

    /// The same with the switch changed.
    #[must_use]
    pub fn switch(mut self, change: impl FnOnce(&mut SwitchConfig)) -> Self {
        change(&mut self.switch);
        self
    }

    /// The same with a router behind port 0.
    #[must_use]
    pub fn router(mut self, router: RouterConfig) -> Self {
        self.router = Some(router);
        self
    }

    /// The world, at time 0.
    pub fn start(self) -> World {
        let ids = 0..self.ports.len() as u16;
        let ports = ids.zip(&self.ports).map(|(id, port)| port.config(id));
        let config = Config::new(self.switch.clone(), ports.collect()).expect("a valid setup");
        let config = match self.router.clone() {
            Some(router) => config.with_router(router).expect("a valid router"),
            None => config,
        };
        let (near, hosts): (Vec<_>, Vec<_>) =
            self.ports.iter().map(|port| pair(port.offloads)).unzip();
        let boxed = near.into_iter().map(|port| Box::new(port) as Box<dyn Port>).collect();
        let forwarder = Forwarder::new(&config, boxed);
        World { setup: self, forwarder, hosts, now: Time::START }
    }
}

/// The static MAC of a port.
pub fn own_mac(port: u16) -> MacAddr {
    let [high, low] = port.to_be_bytes();
    MacAddr([0x02, 0, 0, 0, high, low])
}

/// A MAC that is no port's own.
pub fn strange_mac(n: u32) -> MacAddr {
    let [a, b, c, d] = n.to_be_bytes();
    MacAddr([0x06, 0, a, b, c, d])
}

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

    /// What would be decided about a virtio header and a frame that came in now.
    ///
    /// # Errors
    /// The reason of a frame that does not parse.
    pub fn explain(&self, port: u16, bytes: &[u8]) -> Result<Story, DropReason> {
        let mut bytes = bytes.to_vec();
        self.forwarder.pipeline().explain(PortId(port), &mut bytes, self.now)
    }

    /// All that the stages know, as text to be compared.
    pub fn state(&self) -> String {
        format!("{:?}", self.forwarder.pipeline())
    }

    /// The flows that are tracked now, in no order.
    pub fn flows(&mut self) -> Vec<FlowView> {
        let now = self.now;
        let router = self.routed();
        let (mut all, mut page) = (Vec::new(), Some(Cursor::default()));
        while let Some(from) = page {
            let (views, next) = router.views(from, 1024, now);
            all.extend(views);
            page = next;
        }
        all
    }

    /// Behind which port the switch believes `mac` to live.
    pub fn home_of(&self, mac: MacAddr) -> Option<u16> {
        self.forwarder.pipeline().switch.fdb().lookup(mac, self.now).map(|port| port.0)
    }

    /// The entries of the FDB, by MAC.
    pub fn fdb(&self) -> Vec<FdbEntry> {
        let fdb = self.forwarder.pipeline().switch.fdb();
        let mut entries: Vec<_> = fdb.entries(self.now).collect();
        entries.sort_by_key(|entry| entry.mac);
        entries
    }

    /// The counters of all ports now.
    pub fn counters(&self) -> Vec<CounterSnapshot> {
        self.forwarder.counters().iter().map(|port| port.snapshot()).collect()
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

    /// Which counters moved since `before`.
    pub fn moved_since(&self, before: &[CounterSnapshot]) -> Moved {
        let now = self.counters();
        let ports = self.ports().zip(before.iter().zip(&now));
        ports.flat_map(|(port, (before, now))| differences(port, before, now)).collect()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "at {:?}, ports that have counted:", Duration::from_nanos(self.now.nanos()))?;
        let nothing = vec![CounterSnapshot::default(); self.hosts.len()];
        for ((port, count), value) in self.moved_since(&nothing) {
            writeln!(f, "  port {port}: {count:?} {value}")?;
        }
        for port in self.ports().filter(|&port| !self.is_alive(port)) {
            writeln!(f, "  port {port} is gone")?;
        }
        writeln!(f, "FDB:")?;
        for FdbEntry { mac, port, kind, age } in self.fdb() {
            writeln!(f, "  {mac} behind port {port}, {kind:?}, {age:?} old")?;
        }
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{self:?}");
        }
    }
}
