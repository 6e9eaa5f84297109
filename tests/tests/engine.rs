//! Does the loop miss nothing, awake or asleep? The engine on a thread, over sockets as ports.
//!
//! A socket is what a TAP is to the engine: a descriptor that the poller can wait on. Between two
//! steps of a test the engine falls asleep or does not; both must come to the same.
#![allow(clippy::unwrap_used, reason = "an engine that cannot be made is a failed test")]

use dataplane::config::{Config, PortConfig, PortLimits, SwitchConfig};
use dataplane::engine::{Engine, Handle};
use dataplane::frame::{FrameBuffer, with_plain_header};
use dataplane::outcome::{DropReason, PortId};
use dataplane::port::{Offloads, Port, Received};
use dataplane::wire::ethernet::MacAddr;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use udp_bridge_tests::host::wait;
use udp_bridge_tests::packets::plain;
use udp_bridge_tests::world::{own_mac, strange_mac};

/// The engine lingers for less: it is asleep when this has gone by. A test that this is too short for
/// passes nevertheless.
const ASLEEP: Duration = Duration::from_millis(5);

/// A port on one end of a pair of sockets. An empty datagram means that it is gone.
struct SocketPort(UnixDatagram);

impl Port for SocketPort {
    fn receive(&mut self, buffer: &mut FrameBuffer) -> Received {
        match self.0.recv(buffer.space()) {
            Ok(0) => Received::Gone,
            Ok(length) => Received::Frame(length),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Empty,
            Err(_) => Received::Gone,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        self.0.send(bytes).map(drop).map_err(|_| DropReason::EgressFull)
    }

    fn offloads(&self) -> Offloads {
        Offloads::ALL
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.0.as_raw_fd())
    }
}

/// A running engine and the far ends of its ports.
struct Running {
    handle: Handle,
    thread: JoinHandle<io::Result<Vec<Box<dyn Port>>>>,
    hosts: Vec<UnixDatagram>,
}

fn config(ports: u16) -> Config {
    let port = |id| PortConfig {
        name: format!("port-{id}"),
        mac: own_mac(id),
        mtu: 1500,
        isolated: false,
        check_source: false,
        limits: PortLimits::NONE,
    };
    Config::new(SwitchConfig::default(), (0..ports).map(port).collect()).unwrap()
}

impl Running {
    fn of(ports: u16) -> Self {
        let (mut hosts, mut boxed) = (Vec::new(), Vec::new());
        for _ in 0..ports {
            let (host, port) = UnixDatagram::pair().unwrap();
            host.set_read_timeout(Some(wait::LONG)).unwrap();
            port.set_nonblocking(true).unwrap();
            boxed.push(Box::new(SocketPort(port)) as Box<dyn Port>);
            hosts.push(host);
        }
        let (engine, handle) = Engine::new(config(ports), boxed).unwrap();
        Self { handle, thread: thread::spawn(|| engine.run()), hosts }
    }

    /// A frame from one port to another arrives.
    fn passes(&self, from: u16, to: u16) {
        let bytes = with_plain_header(&plain(own_mac(to), own_mac(from), 60));
        self.hosts[usize::from(from)].send(&bytes).unwrap();
        self.arrives(to);
    }

    fn arrives(&self, to: u16) {
        assert!(self.hosts[usize::from(to)].recv(&mut [0; 2000]).unwrap() > 60);
    }

    fn is_alive(&self, port: usize) -> bool {
        self.handle.ports()[port].alive
    }

    /// Ends the engine. Returns how many ports it gave back.
    fn stop(self) -> usize {
        self.handle.stop();
        let ports = self.thread.join().unwrap().unwrap().len();
        assert!(self.handle.fdb().is_err(), "who has ended does not answer");
        ports
    }
}

#[test]
fn no_frame_is_missed_while_ports_go_to_sleep_and_wake() {
    let running = Running::of(3);
    // Around the time that a port is kept busy, where a wake-up could be lost.
    for pause in (0..600).map(|step| Duration::from_micros(step % 120)) {
        running.passes(0, 1);
        running.passes(1, 2);
        thread::sleep(pause);
    }
    assert_eq!(running.handle.ports()[0].counters.received, 600);
    assert_eq!(running.stop(), 3);
}

#[test]
fn a_busy_port_does_not_keep_the_others_from_being_heard() {
    let running = Running::of(3);
    thread::scope(|scope| {
        let chatter = scope.spawn(|| (0..3000).for_each(|_| running.passes(0, 1)));
        while !chatter.is_finished() {
            let bytes = with_plain_header(&plain(own_mac(2), strange_mac(1), 60));
            running.hosts[1].send(&bytes).unwrap();
            running.arrives(2);
            assert_eq!(running.handle.fdb().unwrap().len(), 4);
            thread::sleep(Duration::from_millis(1));
        }
    });
    assert_eq!(running.stop(), 3);
}

#[test]
fn questions_are_answered_asleep_and_after_a_port_was_taken_out() {
    let running = Running::of(3);
    for _ in 0..3 {
        thread::sleep(ASLEEP);
        assert_eq!(running.handle.fdb().unwrap().len(), 3);
    }
    running.passes(2, 0);
    assert!(running.handle.remove(PortId(2)).unwrap().is_some());
    assert!(running.handle.remove(PortId(2)).unwrap().is_none());
    assert!(running.handle.remove(PortId(7)).unwrap().is_none());
    assert!(!running.is_alive(2));
    assert_eq!(running.handle.fdb().unwrap().len(), 2);
    running.passes(0, 1);
    assert_eq!(running.stop(), 2);
}

#[test]
fn a_port_that_dies_asleep_or_awake_is_noticed_and_the_rest_goes_on() {
    for asleep in [true, false] {
        let running = Running::of(3);
        running.passes(2, 0);
        if asleep {
            thread::sleep(ASLEEP);
        }
        running.hosts[2].send(&[]).unwrap();
        wait::for_yes("the port is known to be gone", || !running.is_alive(2));
        running.passes(0, 1);
        let bytes = with_plain_header(&plain(MacAddr::BROADCAST, own_mac(0), 60));
        running.hosts[0].send(&bytes).unwrap();
        running.arrives(1);
        assert!(
            running.handle.remove(PortId(2)).unwrap().is_some(),
            "a dead port can be taken out"
        );
        assert_eq!(running.stop(), 2);
    }
}

#[test]
fn ports_and_configuration_must_be_as_many() {
    let refused = Engine::new(config(2), Vec::new()).map(drop).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
}
