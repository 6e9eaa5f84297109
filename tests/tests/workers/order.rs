//! What comes by one port stays in order, and is counted exactly.

use super::crew::{CREWS, Crew, at_last, next, port, send, send_by};
use dataplane::capture::{Seen, Spec};
use dataplane::config::{PortLimits, SwitchConfig};
use dataplane::outcome::{PortId, QueueId};
use dataplane::port::Offloads;
use dataplane::port::memory::pair_of;
use std::array;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;
use udp_bridge_tests::network::router;
use udp_bridge_tests::packets::plain;
use udp_bridge_tests::world::own_mac;

const PORTS: u16 = 6;

/// Frames of each port to each other one.
const FRAMES: u64 = 1500;

/// Frames on the way between two ports: all of a port's fit into its queue.
const WINDOW: u64 = 100;

/// How many frames of each port have come to each other one.
type Come = [[AtomicU64; PORTS as usize]; PORTS as usize];

/// Frame number `n` between two ports.
fn numbered(from: u16, to: u16, n: u64) -> Vec<u8> {
    let mut frame = plain(own_mac(to), own_mac(from), 60);
    frame[14..22].copy_from_slice(&n.to_be_bytes());
    frame
}

fn number(frame: &[u8]) -> (u16, u64) {
    let from = u16::from_be_bytes(frame[10..12].try_into().unwrap());
    (from, u64::from_be_bytes(frame[14..22].try_into().unwrap()))
}

/// How many workers there are, and queues of each port.
fn crews() -> impl Iterator<Item = (usize, usize)> {
    CREWS.into_iter().flat_map(|workers| [1, workers, 2 * workers].map(|queues| (workers, queues)))
}

fn others(of: u16) -> impl Iterator<Item = u16> {
    (0..PORTS).filter(move |&one| one != of)
}

fn talk(crew: &Crew, come: &Come, from: u16) {
    for n in 0..FRAMES {
        for to in others(from) {
            let come = &come[usize::from(from)][usize::from(to)];
            at_last("the others to keep up", || (n < come.load(Relaxed) + WINDOW).then_some(()));
            // Both directions by the same one, as a kernel would.
            let queue = QueueId((usize::from(from + to) % crew.queues) as u8);
            send_by(&crew.hosts[usize::from(from)], queue, &numbered(from, to, n));
        }
    }
}

fn listen(crew: &Crew, come: &Come, to: u16) {
    for _ in 0..FRAMES * u64::from(PORTS - 1) {
        let frame = next(&crew.hosts[usize::from(to)]);
        let (from, n) = number(&frame);
        let count = &come[usize::from(from)][usize::from(to)];
        assert_eq!(n, count.fetch_add(1, Relaxed), "from port {from} to port {to}");
    }
}

/// All talk to all, while something else is done again and again until they are through.
fn all_to_all(crew: &Crew, mut meanwhile: impl FnMut()) {
    let come: Come = array::from_fn(|_| array::from_fn(|_| AtomicU64::new(0)));
    let talking = AtomicUsize::new(usize::from(PORTS));
    thread::scope(|scope| {
        for port in 0..PORTS {
            let (come, talking) = (&come, &talking);
            scope.spawn(move || talk(crew, come, port));
            scope.spawn(move || {
                // Also when it panics: the others would be waited for otherwise.
                struct Done<'a>(&'a AtomicUsize);
                impl Drop for Done<'_> {
                    fn drop(&mut self) {
                        self.0.fetch_sub(1, Relaxed);
                    }
                }
                let _done = Done(talking);
                listen(crew, come, port);
            });
        }
        while talking.load(Relaxed) > 0 {
            meanwhile();
            thread::yield_now();
        }
    });
}

/// Each port has sent and got what was said, and lost nothing.
fn assert_exact(crew: Crew, ports: usize) {
    let (status, returned) = crew.stop();
    assert_eq!(returned, ports);
    let each = FRAMES * u64::from(PORTS - 1);
    for port in &status[..usize::from(PORTS)] {
        let counted = &port.counters;
        assert_eq!((counted.received, counted.received_bytes), (each, each * 60), "{port:?}");
        assert_eq!((counted.sent, counted.sent_bytes), (each, each * 60), "{port:?}");
        assert_eq!(counted.dropped_total(), 0, "{port:?}");
    }
}

#[test]
fn frames_between_all_ports_arrive_in_order_and_are_counted_once() {
    for (workers, queues) in crews() {
        let crew = Crew::of_queues(queues, workers, PORTS);
        all_to_all(&crew, || ());
        assert_exact(crew, usize::from(PORTS));
    }
}

#[test]
fn they_do_while_ports_come_and_go() {
    for (workers, queues) in crews() {
        let crew = Crew::of_queues(queues, workers, PORTS);
        let mut rounds = 0;
        all_to_all(&crew, || {
            let ids = [PORTS, PORTS + 1, PORTS + 2];
            let hosts = ids.map(|id| {
                let (near, host) = pair_of(Offloads::ALL, queues);
                assert_eq!(crew.handle.add(port(id), Box::new(near)).unwrap(), PortId(id));
                host
            });
            for (id, host) in ids.into_iter().zip(&hosts) {
                // Read by one worker, written by another; from a new port to a new port.
                let to = if id == ids[2] { ids[0] } else { id + 1 };
                send(host, &plain(own_mac(to), own_mac(id), 60));
            }
            for host in &hosts {
                next(host);
            }
            let status = crew.handle.ports();
            let new = &status[usize::from(PORTS)..];
            for port in new {
                assert_eq!((port.alive, port.counters.received), (true, 1), "{port:?}");
            }
            for id in [ids[1], ids[0], ids[2]] {
                assert!(crew.handle.remove(PortId(id)).unwrap().is_some());
            }
            rounds += 1;
        });
        assert!(rounds > 0);
        assert_exact(crew, usize::from(PORTS));
    }
}

#[test]
fn they_do_while_all_settings_change() {
    for (workers, queues) in crews() {
        let crew = Crew::of_queues(queues, workers, PORTS + 1);
        let handle = &crew.handle;
        let spare = PortId(PORTS);
        all_to_all(&crew, || {
            handle.set_mtu(1400).unwrap();
            let config = SwitchConfig { storm: None, ..SwitchConfig::default() };
            handle.set_switch(SwitchConfig { fdb_capacity: 50, ..config.clone() }).unwrap();
            handle.set_offloads(PortId(1), Offloads::NONE).unwrap();
            handle.set_isolated(spare, true).unwrap();
            let one = PortLimits { packets_out: std::num::NonZeroU64::new(5), ..PortLimits::NONE };
            handle.set_limits(spare, one).unwrap();
            handle.reconfigure(router(PORTS + 1)).unwrap();
            handle.set_mtu(1500).unwrap();
            handle.set_switch(config).unwrap();
            handle.set_offloads(PortId(1), Offloads::ALL).unwrap();
            handle.set_isolated(spare, false).unwrap();
            handle.set_limits(spare, PortLimits::NONE).unwrap();
            handle.reconfigure(None).unwrap();
        });
        assert_exact(crew, usize::from(PORTS + 1));
    }
}

#[test]
fn they_do_while_somebody_looks_and_what_is_seen_is_in_order_too() {
    for (workers, queues) in crews() {
        let crew = Crew::of_queues(queues, workers, PORTS);
        let (mut last, mut seen, mut bytes) = ([None; PORTS as usize], 0, Vec::new());
        all_to_all(&crew, || {
            let wanted = Spec { port: Some(PortId(2)), ..Spec::ALL };
            let mut catch = crew.handle.capture(wanted).unwrap();
            for _ in 0..200 {
                let Some(sighting) = catch.next(&mut bytes) else { break };
                assert_eq!(sighting.port, PortId(2));
                let (from, n) = number(&bytes);
                match sighting.seen {
                    Seen::Came(_) => assert_eq!(from, 2),
                    Seen::Left { from: port, .. } => {
                        assert_eq!(port, Some(PortId(from)));
                        let before = last[usize::from(from)].replace(n);
                        assert!(before < Some(n), "{before:?} before {n} from port {from}");
                        seen += 1;
                    }
                    Seen::Refused(reason) => panic!("{reason:?}"),
                }
            }
        });
        assert!(seen > 0, "something was seen");
        assert_exact(crew, usize::from(PORTS));
    }
}
