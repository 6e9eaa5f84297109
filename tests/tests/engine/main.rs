//! Does the loop miss nothing, awake or asleep? The engine on a thread, over sockets as ports.
//!
//! A socket is what a TAP is to the engine: a descriptor that the poller can wait on. Between two
//! steps of a test the engine falls asleep or does not; both must come to the same.
#![allow(clippy::unwrap_used, reason = "an engine that cannot be made is a failed test")]

mod settings;

use dataplane::config::{Config, PortConfig, PortLimits, RouterConfig, SwitchConfig, Workers};
use dataplane::engine::{AddPortError, Engine, Handle, LimitError, ReconfigureError};
use dataplane::frame::{FrameBuffer, with_plain_header};
use dataplane::outcome::{DropReason, PortId};
use dataplane::port::{Offloads, Port, Received};
use dataplane::wire::ethernet::MacAddr;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use udp_bridge_tests::host::wait;
use udp_bridge_tests::network::{NEXT_HOP_MAC, V4, at, router, up};
use udp_bridge_tests::packets::plain;
use udp_bridge_tests::talk::{echo, udp};
use udp_bridge_tests::world::{PortSetup, own_mac, strange_mac};

/// The engine lingers for less: it is asleep when this has gone by. A test that this is too short for
/// passes nevertheless.
const ASLEEP: Duration = Duration::from_millis(5);

/// By how many threads; `engine_by_three` runs all of this once more.
const WORKERS: usize = if env!("CARGO_CRATE_NAME").len() == "engine".len() { 1 } else { 3 };

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

fn port(id: u16) -> PortConfig {
    PortSetup::default().config(id)
}

fn config(ports: u16) -> Config {
    Config::new(SwitchConfig::default(), (0..ports).map(port).collect()).unwrap()
}

/// A port and its far end.
fn sockets() -> (UnixDatagram, Box<dyn Port>) {
    let (host, port) = UnixDatagram::pair().unwrap();
    host.set_read_timeout(Some(wait::LONG)).unwrap();
    port.set_nonblocking(true).unwrap();
    (host, Box::new(SocketPort(port)))
}

impl Running {
    fn of(ports: u16) -> Self {
        let (mut hosts, mut boxed) = (Vec::new(), Vec::new());
        for _ in 0..ports {
            let (host, port) = sockets();
            boxed.push(port);
            hosts.push(host);
        }
        let workers = Workers::new(WORKERS).unwrap();
        let (engine, handle) =
            Engine::with_workers(config(ports), boxed, Vec::new(), workers).unwrap();
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

    /// Puts a port in whose name and MAC have the id that it gets.
    fn add(&mut self, id: u16) {
        let (host, socket) = sockets();
        assert_eq!(self.handle.add(port(id), socket).unwrap(), PortId(id));
        let at = usize::from(id);
        self.hosts.splice(at..(at + 1).min(self.hosts.len()), [host]);
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
    let frame = || with_plain_header(&plain(own_mac(0), own_mac(2), 60));
    for nobody in [PortId(2), PortId(7)] {
        let told = running.handle.explain(nobody, frame()).unwrap();
        assert_eq!(told.map(|_| ()), Err(DropReason::EgressGone));
    }
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
fn whoever_reads_the_ports_only_when_there_is_news_misses_nothing() {
    let running = Running::of(3);
    let handle = running.handle.clone();
    let mut seen = handle.ports();
    for frame in 1..=200 {
        running.passes(0, 1);
        wait::for_yes("the frame is seen to be counted", || {
            if handle.take_news() {
                seen = handle.ports();
            }
            seen[1].counters.sent == frame
        });
    }
    running.hosts[2].send(&[]).unwrap();
    wait::for_yes("the port's end is seen", || handle.take_news() && !handle.ports()[2].alive);
    wait::for_yes("there is no news where nothing happens", || !handle.take_news());
    assert_eq!(running.stop(), 3);
}

#[test]
fn ports_come_and_go_while_frames_flow_and_none_of_the_others_is_lost() {
    let mut running = Running::of(2);
    let far = running.hosts[0].try_clone().unwrap();
    let near = running.hosts[1].try_clone().unwrap();
    const FRAMES: u64 = 3000;
    let chatter = thread::spawn(move || {
        let bytes = with_plain_header(&plain(own_mac(1), own_mac(0), 60));
        for _ in 0..FRAMES {
            far.send(&bytes).unwrap();
            assert_eq!(near.recv(&mut [0; 2000]).unwrap(), bytes.len());
        }
    });
    let mut rounds = 0;
    while !chatter.is_finished() || rounds < 20 {
        (2..7).for_each(|id| running.add(id));
        for id in 3..7 {
            running.passes(id, 2);
            running.passes(2, id);
        }
        let status = running.handle.ports();
        assert!(status[3..].iter().all(|port| port.alive && port.counters.received == 1));
        for id in [4, 2, 6, 3, 5] {
            assert!(running.handle.remove(PortId(id)).unwrap().is_some());
        }
        rounds += 1;
    }
    chatter.join().unwrap();
    let status = running.handle.ports();
    assert_eq!((status[0].counters.received, status[1].counters.sent), (FRAMES, FRAMES));
    assert_eq!(status[0].counters.dropped_total(), 0);
    assert!(status[2..].iter().all(|port| !port.alive));
    assert_eq!(running.stop(), 2);
}

#[test]
fn a_port_is_heard_that_came_asleep_and_so_is_one_in_a_dead_ones_place() {
    let mut running = Running::of(2);
    thread::sleep(ASLEEP);
    running.add(2);
    thread::sleep(ASLEEP);
    running.passes(2, 0);
    running.hosts[2].send(&[]).unwrap();
    wait::for_yes("the port is known to be gone", || !running.is_alive(2));
    let (_, socket) = sockets();
    let refused = running.handle.add(port(2), socket).unwrap_err();
    assert_eq!(refused.to_string(), "two ports are named \"port-2\"", "until it is taken out");
    assert!(running.handle.remove(PortId(2)).unwrap().is_some());
    running.add(2);
    assert!(running.is_alive(2));
    running.passes(0, 2);
    running.passes(2, 1);
    assert_eq!(running.handle.ports()[2].counters.received, 1);
    assert_eq!(running.stop(), 3);
}

#[test]
fn a_port_whose_descriptor_cannot_be_waited_on_is_not_added() {
    /// A port on a file.
    struct FilePort(std::fs::File);

    impl Port for FilePort {
        fn receive(&mut self, _: &mut FrameBuffer) -> Received {
            Received::Empty
        }
        fn send(&mut self, _: &[u8]) -> Result<(), DropReason> {
            Ok(())
        }
        fn offloads(&self) -> Offloads {
            Offloads::ALL
        }
        fn fd(&self) -> Option<RawFd> {
            Some(self.0.as_raw_fd())
        }
    }

    let running = Running::of(2);
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let refused = running.handle.add(port(2), Box::new(FilePort(file)));
    assert!(matches!(refused, Err(AddPortError::Poll(_))), "{refused:?}");
    assert_eq!((running.handle.ports().len(), running.handle.fdb().unwrap().len()), (2, 2));
    running.passes(0, 1);
    assert_eq!(running.handle.ports()[0].counters.received, 1, "it counts where others look");
    assert_eq!(running.stop(), 2);
}

#[test]
fn limits_and_entries_are_set_on_ports_that_are_there() {
    let running = Running::of(3);
    let one = PortLimits { packets_out: NonZeroU64::new(1), ..PortLimits::NONE };
    running.handle.set_limits(PortId(1), one).unwrap();
    assert_eq!(running.handle.limits(PortId(1)).unwrap(), one);
    running.passes(1, 2);
    let bytes = with_plain_header(&plain(own_mac(2), own_mac(1), 60));
    running.hosts[1].send(&bytes).unwrap();
    wait::for_yes("the second frame dies", || {
        running.handle.ports()[1].counters.dropped(DropReason::LimitPacketsOut) == 1
    });
    running.handle.set_limits(PortId(1), PortLimits::NONE).unwrap();
    running.passes(1, 2);
    let nobody = running.handle.set_limits(PortId(3), one);
    assert!(matches!(nobody, Err(LimitError::NoSuchPort(PortId(3)))), "{nobody:?}");

    running.handle.add_fdb_entry(strange_mac(1), PortId(2)).unwrap();
    running.hosts[0].send(&with_plain_header(&plain(strange_mac(1), own_mac(0), 60))).unwrap();
    running.arrives(2);
    running.handle.remove_fdb_entry(strange_mac(1), PortId(2)).unwrap();
    let refused = running.handle.remove_fdb_entry(own_mac(2), PortId(2)).unwrap_err();
    assert!(refused.to_string().contains("the MAC of port 2 itself"), "{refused}");
    let handle = running.handle.clone();
    assert_eq!(running.stop(), 3);
    assert!(matches!(handle.set_limits(PortId(1), one), Err(LimitError::Stopped(_))));
}

#[test]
fn a_running_switch_gets_a_router_with_what_the_host_hears_and_loses_it_again() {
    let running = Running::of(3);
    let config = router(3);
    running.handle.reconfigure(config.clone()).unwrap();
    let (heard, listener) = sockets();
    assert_eq!(running.handle.listen(vec![listener]).unwrap().len(), 0);
    let out = udp(up(1), at(V4.inside(1), 5000), at(V4.outside, 53), &[1; 64]);
    running.hosts[1].send(&with_plain_header(&out)).unwrap();
    running.arrives(0);
    assert_eq!(running.handle.flow_count().unwrap(), 1);
    // What the host overhears enters as if from its port.
    let from = (NEXT_HOP_MAC, own_mac(0));
    heard.send(&with_plain_header(&echo(from, V4.outside, V4.host, 7, true, 64))).unwrap();
    wait::for_yes("the reply of nobody is counted", || {
        running.handle.ports()[0].counters.dropped(DropReason::NotOurs) == 1
    });
    let mut wrong = config;
    wrong.conntrack.limit = 0;
    assert!(matches!(running.handle.reconfigure(wrong), Err(ReconfigureError::Config(_))));
    assert_eq!(running.handle.flow_count().unwrap(), 1);
    running.handle.remove(PortId(1)).unwrap();
    assert_eq!(running.handle.flow_count().unwrap(), 0);
    running.handle.reconfigure(None::<RouterConfig>).unwrap();
    assert_eq!(running.handle.listen(Vec::new()).unwrap().len(), 1);
    assert_eq!(running.handle.rule_hits().unwrap(), None);
    running.passes(2, 0);
    assert_eq!(running.stop(), 2);
}

#[test]
fn ports_and_configuration_must_be_as_many() {
    let refused = Engine::new(config(2), Vec::new()).map(drop).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
}
