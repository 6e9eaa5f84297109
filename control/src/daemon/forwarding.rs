//! Who runs the engine?
//!
//! A thread of its own named `dataplane`, which makes more of them for more workers. Its end is seen
//! whatever the reason, a panic included: the sender that it holds is dropped then.

use super::{EndError, StartError};
use dataplane::config::{Config, RouterConfig, Workers};
use dataplane::engine::{Engine, Handle};
use dataplane::port::Port;
use dataplane::port::icmp::{IcmpError, IcmpPort};
use dataplane::wire::ethernet::MacAddr;
use std::any::Any;
use std::io;
use std::thread::{self, JoinHandle};
use tokio::sync::watch;

/// The running engine.
pub(super) struct Forwarding {
    thread: JoinHandle<io::Result<Vec<Box<dyn Port>>>>,
    handle: Handle,
    alive: watch::Receiver<()>,
}

impl Forwarding {
    /// Starts the engine with these ports and so many threads. With an uplink it also hears the ICMP of
    /// the calling thread's namespace, which must be the host's.
    pub(super) fn start(
        config: Config,
        ports: Vec<Box<dyn Port>>,
        workers: Workers,
    ) -> Result<Self, StartError> {
        let listeners = listeners(&config)?;
        let (engine, handle) =
            Engine::with_workers(config, ports, listeners, workers).map_err(StartError::Engine)?;
        let (sender, alive) = watch::channel(());
        let thread = thread::Builder::new()
            .name("dataplane".to_owned())
            .spawn(move || {
                let _dropped_at_the_end = sender;
                engine.run()
            })
            .map_err(StartError::Engine)?;
        Ok(Self { thread, handle, alive })
    }

    /// The way to talk to the engine.
    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits for the engine's end.
    pub(super) async fn ended(&self) {
        let mut alive = self.alive.clone();
        while alive.changed().await.is_ok() {}
    }

    /// Ends the engine, waits for it, and takes the ports back.
    pub(super) fn stop(self) -> Result<Vec<Box<dyn Port>>, EndError> {
        self.handle.stop();
        match self.thread.join() {
            Ok(Ok(ports)) => Ok(ports),
            Ok(Err(error)) => Err(EndError::Engine(error)),
            Err(payload) => Err(EndError::EnginePanicked(words(payload.as_ref()))),
        }
    }
}

/// The ports that hear the host's ICMP: replies and errors that are the network's come that way.
fn listeners(config: &Config) -> Result<Vec<Box<dyn Port>>, IcmpError> {
    let host = &config.ports()[0];
    listeners_of(config.router(), host.mac, host.mtu)
}

/// The same for a router and the MAC and MTU of the host's port.
pub(super) fn listeners_of(
    router: Option<&RouterConfig>,
    host: MacAddr,
    mtu: u16,
) -> Result<Vec<Box<dyn Port>>, IcmpError> {
    let Some(router) = router else { return Ok(Vec::new()) };
    let Some(uplink) = &router.uplink else { return Ok(Vec::new()) };
    let next_hop = uplink.next_hop.mac;
    let v4 = IcmpPort::open_v4(host, next_hop)?.with_mtu(mtu);
    let mut listeners: Vec<Box<dyn Port>> = vec![Box::new(v4)];
    if router.ipv6.is_some() {
        let v6 = IcmpPort::open_v6(host, next_hop)?.with_mtu(mtu);
        listeners.push(Box::new(v6));
    }
    Ok(listeners)
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataplane::config::{PortConfig, PortLimits, SwitchConfig};
    use dataplane::frame::FrameBuffer;
    use dataplane::outcome::DropReason;
    use dataplane::port::{Offloads, Received, memory};
    use dataplane::wire::ethernet::MacAddr;
    use std::os::fd::RawFd;
    use std::time::Duration;

    /// A port that brings the engine down.
    struct Broken;

    impl Port for Broken {
        fn receive(&mut self, _: &mut FrameBuffer) -> Received {
            panic!("broken port")
        }
        fn send(&mut self, _: &[u8]) -> Result<(), DropReason> {
            Ok(())
        }
        fn offloads(&self) -> Offloads {
            Offloads::NONE
        }
        fn fd(&self) -> Option<RawFd> {
            None
        }
    }

    fn forwarding(port: Box<dyn Port>, workers: usize) -> Forwarding {
        let workers = Workers::new(workers).unwrap();
        let config = PortConfig {
            name: "only".to_owned(),
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
            isolated: false,
            check_source: true,
            limits: PortLimits::NONE,
        };
        let config = Config::new(SwitchConfig::default(), vec![config]).unwrap();
        Forwarding::start(config, vec![port], workers).unwrap()
    }

    /// Did the engine end by itself within the patience of a test?
    fn ended(forwarding: &Forwarding, patience: Duration) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(patience, forwarding.ended()).await.is_ok() })
    }

    #[test]
    fn a_panic_of_the_engine_is_seen_and_told() {
        for workers in 1..=3 {
            let forwarding = forwarding(Box::new(Broken), workers);
            assert!(ended(&forwarding, Duration::from_secs(10)));
            let error = forwarding.stop().err().unwrap();
            assert!(error.to_string().contains("panicked: broken port"), "{error}");
        }
    }

    #[test]
    fn an_engine_that_is_stopped_ends_in_order() {
        for workers in 1..=3 {
            let forwarding = forwarding(Box::new(memory::pair(Offloads::ALL).0), workers);
            assert!(!ended(&forwarding, Duration::from_millis(1)));
            assert_eq!(forwarding.stop().unwrap().len(), 1);
        }
    }
}
