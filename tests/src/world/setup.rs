//! What is a world to be?

use super::World;
use dataplane::clock::Time;
use dataplane::config::{Config, PortConfig, PortLimits, RouterConfig, SwitchConfig};
use dataplane::engine::Forwarder;
use dataplane::port::memory::pair;
use dataplane::port::{Offloads, Port};
use dataplane::wire::ethernet::MacAddr;

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
    pub(super) switch: SwitchConfig,
    pub(super) ports: Vec<PortSetup>,
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
