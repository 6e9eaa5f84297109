//! Tables with so many entries: MACs, connections, published ports.

use crate::flows::{self, Segment, external, original};
use dataplane::clock::Time;
use dataplane::config::{Publish, SwitchConfig};
use dataplane::conntrack::{Census, Conntrack, NewFlow, Packet};
use dataplane::flow::Tuple;
use dataplane::frame::{Frame, Subject};
use dataplane::nat::{Lease, Nat, rewrite};
use dataplane::outcome::PortId;
use dataplane::switch::Fdb;
use dataplane::wire::ethernet::MacAddr;
use dataplane::wire::tcp;
use std::hint::black_box;
use std::net::Ipv4Addr;
use udp_bridge_tests::world::{own_mac, strange_mac};

/// The same random ports in every run.
pub const SEED: u64 = 1;

/// The MACs of a table in an order that jumps about in it.
pub fn macs(entries: u32) -> Vec<MacAddr> {
    // 7,919 is a prime, and no size is a multiple of it: each MAC comes once.
    (0..entries).map(|n| strange_mac(n * 7919 % entries)).collect()
}

/// Them in a table, behind one port.
pub fn filled_fdb(macs: &[MacAddr]) -> Fdb {
    let config = SwitchConfig { fdb_port_limit: macs.len(), ..SwitchConfig::default() };
    let mut fdb = Fdb::new(&config, 3);
    for &mac in macs {
        fdb.learn(mac, PortId(1), Time::START);
    }
    fdb
}

/// What is known of connections, as a router has it.
pub struct Tables {
    /// The entries.
    pub conntrack: Conntrack<Ipv4Addr, (Lease, PortId)>,
    /// How many each port has.
    pub census: Census,
    /// The leases.
    pub nat: Nat<Ipv4Addr>,
}

impl Tables {
    fn new() -> Self {
        let config = flows::conntrack_config();
        Self {
            conntrack: Conntrack::new(&config),
            census: Census::new(&config, 2),
            nat: Nat::new(&flows::nat_config(), SEED),
        }
    }

    /// With the first `size` connections, answered.
    pub fn filled(size: u32) -> Self {
        let mut tables = Self::new();
        let packets = [Segment::Syn, Segment::SynAck, Segment::Data].map(packet);
        for n in 0..size {
            let original = original(n);
            let reply = tables.begin(n, &original, &packets[0], Time::START);
            for (tuple, packet) in [(reply, &packets[1]), (original, &packets[2])] {
                let hit = tables.conntrack.find(&tuple, Time::START).unwrap();
                tables.conntrack.update(hit, packet, Time::START);
            }
        }
        tables
    }

    /// Begins connection `n`, which must not be there; gives what its replies look like.
    #[inline]
    pub fn begin(
        &mut self,
        n: u32,
        original: &Tuple<Ipv4Addr>,
        packet: &Packet,
        now: Time,
    ) -> Tuple<Ipv4Addr> {
        assert!(self.conntrack.find(original, now).is_none());
        self.conntrack.judge_new(packet).unwrap();
        let conntrack = &self.conntrack;
        let taken = |reply: &Tuple<Ipv4Addr>| conntrack.find(reply, now).is_some();
        let (lease, address, port) = self.nat.lease(original, external(n), taken).unwrap();
        let reply = Tuple { destination: address, destination_port: port, ..original.inverted() };
        let (original, extra) = (*original, (lease, PortId(0)));
        let flow = NewFlow { original, reply, owner: PortId(1), related: false, extra };
        assert!(self.conntrack.insert(flow, packet, &mut self.census, now).is_ok());
        reply
    }

    /// Forgets connection `n`.
    #[inline]
    pub fn forget(&mut self, n: u32) {
        let hit = self.conntrack.find(&original(n), Time::START).unwrap();
        let gone = self.conntrack.remove(hit.id, &mut self.census).unwrap();
        self.nat.release(gone.extra.0);
    }

    /// A data segment from its bytes to its new addresses: parse, find, update, rewrite.
    #[inline]
    pub fn translate(&mut self, bytes: &mut [u8]) {
        let mut frame = Frame::parse(PortId(1), bytes).unwrap();
        let Subject::Flow(tuple) = frame.subject() else { unreachable!("a whole TCP packet") };
        let hit = self.conntrack.find(&tuple, Time::START).unwrap();
        let packet = Packet::of(&frame);
        black_box(self.conntrack.update(hit, &packet, Time::START));
        let reply = *self.conntrack.get(hit.id).unwrap().tuple(hit.direction.opposite());
        rewrite(&mut frame, &reply.inverted());
    }
}

/// What conntrack looks at of the first connection's segment.
pub fn packet(segment: Segment) -> Packet {
    let tuple = match segment {
        Segment::SynAck | Segment::Answer => original(0).inverted(),
        Segment::Syn | Segment::Data => original(0),
    };
    let mut bytes = flows::frame(&tuple, segment, own_mac(0), 0);
    Packet::of(&Frame::parse(PortId(1), &mut bytes).unwrap())
}

/// The port of the host that is published as this number, and leads to a namespace.
pub fn publish(n: u16) -> Publish {
    Publish {
        protocol: tcp::PROTOCOL,
        address: None,
        ports: 10_000 + n..=10_000 + n,
        target_v4: Ipv4Addr::new(10, 0, 0, 2),
        target_v6: None,
        target_port: 80,
    }
}

/// Leases a port for connection `n`, and gives it back.
#[inline]
pub fn take_and_release(nat: &mut Nat<Ipv4Addr>, n: u32, external: Ipv4Addr) {
    let (lease, _, port) = nat.lease(black_box(&original(n)), external, |_| false).unwrap();
    black_box(port);
    nat.release(lease);
}
