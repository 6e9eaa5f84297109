//! Several threads on the same TAPs: do flows stay in order, and is a device gone when it is taken out?

use dataplane::config::{Config, PortConfig, PortLimits, SwitchConfig, Workers};
use dataplane::engine::Engine;
use dataplane::frame::Offloads;
use dataplane::outcome::PortId;
use dataplane::port::Port;
use dataplane::port::tap::Tap;
use nix::net::if_::if_nametoindex;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::{array, thread};
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::{Host, wait};
use udp_bridge_tests::world::own_mac;

const ENDS: [&str; 4] = ["a", "b", "c", "d"];

/// Datagrams of each end to each other one.
const DATAGRAMS: u32 = 2000;

/// Those on the way between two ends: no queue on it is full.
const WINDOW: u32 = 50;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("flows_stay_in_order_by_several_workers", in_order);
    suite.add("a_device_that_several_workers_had_is_gone_when_it_was_taken_out", gone);
}

fn address(end: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 9, 0, end as u8 + 1)
}

fn tap(host: &Host, end: usize, queues: usize) -> Tap {
    host.add_netns(ENDS[end]);
    host.visit(ENDS[end], || {
        let tap = Tap::open_queues("eth0", Offloads::ALL, queues).unwrap();
        let rtnl = Rtnl::open();
        rtnl.set_mac("eth0", own_mac(end as u16));
        rtnl.add_address("eth0", address(end), 24);
        rtnl.up("eth0");
        for other in (0..ENDS.len()).filter(|&other| other != end) {
            rtnl.add_neighbour("eth0", address(other), own_mac(other as u16));
        }
        tap
    })
}

/// So many workers for TAPs of so many queues.
fn engine(host: &Host, workers: usize, queues: usize) -> (Engine, dataplane::engine::Handle) {
    let boxed = |end| Box::new(tap(host, end, queues)) as Box<dyn Port>;
    let taps = (0..ENDS.len()).map(boxed).collect();
    let port = |id: u16| PortConfig {
        name: ENDS[usize::from(id)].to_owned(),
        mac: own_mac(id),
        mtu: 1500,
        isolated: false,
        check_source: false,
        limits: PortLimits::NONE,
    };
    let ports = (0..ENDS.len() as u16).map(port).collect();
    let config = Config::new(SwitchConfig::default(), ports).unwrap();
    let workers = Workers::new(workers).unwrap();
    Engine::with_workers(config, taps, Vec::new(), workers).unwrap()
}

fn clear(host: &Host) {
    ENDS.iter().for_each(|name| host.remove_netns(name));
}

fn in_order(host: &Host) {
    for (workers, queues) in [(2, 1), (3, 1), (4, 1), (1, 4), (2, 2), (3, 3), (4, 4), (2, 8)] {
        let (engine, handle) = engine(host, workers, queues);
        let engine = thread::spawn(|| engine.run());
        let come: [[AtomicU32; 4]; 4] = array::from_fn(|_| array::from_fn(|_| AtomicU32::new(0)));
        let sockets: [UdpSocket; 4] = array::from_fn(|end| {
            let socket = host.visit(ENDS[end], || UdpSocket::bind((address(end), 4000)).unwrap());
            socket.set_read_timeout(Some(wait::LONG)).unwrap();
            socket
        });
        thread::scope(|scope| {
            for (end, socket) in sockets.iter().enumerate() {
                let come = &come;
                let others = move || (0..ENDS.len()).filter(move |&other| other != end);
                scope.spawn(move || {
                    for n in 0..DATAGRAMS {
                        for to in others() {
                            // The one who listens gives up when nothing comes.
                            wait::for_yes("the other end keeps up", || {
                                n < come[end][to].load(Relaxed) + WINDOW
                            });
                            let text = [&[end as u8][..], &n.to_be_bytes()].concat();
                            socket.send_to(&text, (address(to), 4000)).unwrap();
                        }
                    }
                });
                scope.spawn(move || {
                    let mut text = [0; 16];
                    for _ in 0..DATAGRAMS * (ENDS.len() as u32 - 1) {
                        assert_eq!(socket.recv(&mut text).unwrap(), 5);
                        let n = u32::from_be_bytes(text[1..5].try_into().unwrap());
                        let count = &come[usize::from(text[0])][end];
                        let crew = format!("{workers} workers, {queues} queues");
                        assert_eq!(n, count.fetch_add(1, Relaxed), "{crew}");
                    }
                });
            }
        });
        handle.stop();
        assert_eq!(engine.join().unwrap().unwrap().len(), ENDS.len());
        clear(host);
    }
}

fn gone(host: &Host) {
    for queues in [1, 4] {
        is_gone(host, queues);
        clear(host);
    }
}

fn is_gone(host: &Host, queues: usize) {
    let (engine, handle) = engine(host, 4, queues);
    let engine = thread::spawn(|| engine.run());
    let is_there = |end: usize| host.visit(ENDS[end], || if_nametoindex("eth0").is_ok());
    // A flood, so that all workers are busy with the device.
    let socket = host.visit("a", || UdpSocket::bind((address(0), 4000)).unwrap());
    (0..500).for_each(|_| drop(socket.send_to(b"to whom it concerns", (address(2), 9))));
    let port = handle.remove(PortId(2)).unwrap().unwrap();
    assert!(is_there(2), "as long as somebody has it");
    drop(port);
    assert!(!is_there(2), "no worker has it any more");
    assert!(is_there(1));
    handle.stop();
    drop(engine.join().unwrap().unwrap());
    assert!(!is_there(1));
}
