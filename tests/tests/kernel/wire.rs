//! A TAP with addresses, and a cable between two of them.

use dataplane::frame::{FrameBuffer, Offloads};
use dataplane::port::tap::Tap;
use dataplane::port::{Port, Received};
use dataplane::wire::ethernet::MacAddr;
use dataplane::wire::vnet::{self, VnetHeader};
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::{Host, wait};
use zerocopy::FromBytes;

/// The MACs of both ends.
pub(super) const MACS: [MacAddr; 2] = [MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2])];
/// Their IPv4 addresses.
pub(super) const V4: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 2)];
/// Their IPv6 addresses.
pub(super) const V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 2)];

/// Opens the TAP `name` in the calling thread's namespace as end 0 or 1, up, with addresses and with
/// a permanent neighbour: the other end.
pub(super) fn tap(name: &str, end: usize, offloads: Offloads) -> Tap {
    tap_of(name, end, offloads, 1)
}

/// The same of so many queues.
pub(super) fn tap_of(name: &str, end: usize, offloads: Offloads, queues: usize) -> Tap {
    let tap = Tap::open_queues(name, offloads, queues).unwrap();
    // Nothing is sent but what the test sends.
    let _ = fs::write("/proc/sys/net/ipv6/conf/".to_owned() + name + "/router_solicitations", "0");
    let _ = fs::write("/proc/sys/net/ipv6/conf/".to_owned() + name + "/addr_gen_mode", "1");
    let rtnl = Rtnl::open();
    rtnl.set_mac(name, MACS[end]);
    rtnl.add_address(name, V4[end], 24);
    rtnl.up(name);
    rtnl.add_neighbour(name, V4[1 - end], MACS[1 - end]);
    if fs::exists("/proc/sys/net/ipv6").unwrap() {
        rtnl.add_address(name, V6[end], 64);
        rtnl.add_neighbour(name, V6[1 - end], MACS[1 - end]);
    }
    tap
}

/// A frame as it was read: its virtio header, and the rest from the Ethernet header on.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// What is left undone.
    pub(super) header: VnetHeader,
    /// The frame.
    pub(super) frame: Vec<u8>,
}

impl Seen {
    /// The IP protocol of a frame without extension headers; `None` for other than IP.
    pub(super) fn protocol(&self) -> Option<u8> {
        match self.frame.get(12..14)? {
            [0x08, 0x00] => self.frame.get(23).copied(),
            [0x86, 0xdd] => self.frame.get(20).copied(),
            _ => None,
        }
    }
}

/// Reads one frame, if there is one now.
pub(super) fn read(tap: &mut Tap) -> Option<Seen> {
    let mut buffer = FrameBuffer::new();
    match tap.receive(&mut buffer) {
        Received::Frame(length) => {
            let bytes = buffer.filled(length);
            let header = VnetHeader::read_from_bytes(&bytes[..vnet::HEADER_LEN]).unwrap();
            Some(Seen { header, frame: bytes[vnet::HEADER_LEN..].to_vec() })
        }
        Received::Empty | Received::Interrupted => None,
        Received::Unreadable => panic!("the kernel lost a frame"),
        Received::Gone => panic!("the TAP is gone"),
    }
}

/// Reads the next frame of an IP protocol.
pub(super) fn read_protocol(tap: &mut Tap, protocol: u8) -> Seen {
    wait::for_some("a frame of the protocol", || {
        read(tap).filter(|seen| seen.protocol() == Some(protocol))
    })
}

/// Two namespaces, `a` and `b`, with a cable between their TAPs of one offload mask.
pub(super) struct Cable {
    taps: [Tap; 2],
}

impl Cable {
    /// Lays it.
    pub(super) fn lay(host: &Host, offloads: Offloads) -> Self {
        for name in ["a", "b"] {
            host.add_netns(name);
        }
        let taps = ["a", "b"].map(|name| {
            let end = usize::from(name == "b");
            host.visit(name, || tap("eth0", end, offloads))
        });
        Self { taps }
    }

    /// Passes frames, as they are, while `run` runs; returns its result and all that passed.
    pub(super) fn during<T>(mut self, run: impl FnOnce() -> T) -> (T, Vec<Seen>) {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let passing = scope.spawn(|| {
                let mut passed = Vec::new();
                let mut buffer = FrameBuffer::new();
                while !done.load(Ordering::Relaxed) {
                    let mut idle = true;
                    for end in 0..2 {
                        let Received::Frame(length) = self.taps[end].receive(&mut buffer) else {
                            continue;
                        };
                        let bytes = buffer.filled(length);
                        let header =
                            VnetHeader::read_from_bytes(&bytes[..vnet::HEADER_LEN]).unwrap();
                        let frame = bytes[vnet::HEADER_LEN..].to_vec();
                        passed.push(Seen { header, frame });
                        self.taps[1 - end].send(bytes).unwrap();
                        idle = false;
                    }
                    if idle {
                        thread::yield_now();
                    }
                }
                passed
            });
            let result = run();
            done.store(true, Ordering::Relaxed);
            (result, passing.join().unwrap())
        })
    }
}
