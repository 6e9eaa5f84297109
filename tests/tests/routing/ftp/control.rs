//! Two ends that talk over TCP through the world, and trust in no number but their own.

use etherparse::{SlicedPacket, TransportSlice};
use std::net::{IpAddr, SocketAddr};
use udp_bridge_tests::network::{down, up};
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::{World, own_mac};

/// Where an end is: the switch port and the MACs that its frames wear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    port: u16,
    macs: Macs,
}

/// A namespace that speaks to the host's MAC.
pub(super) fn namespace(port: u16) -> Place {
    Place { port, macs: up(port) }
}

/// A namespace that speaks to another one of its segment.
pub(super) fn neighbour(port: u16, of: u16) -> Place {
    Place { port, macs: (own_mac(of), own_mac(port)) }
}

/// Behind the host.
pub(super) fn outside() -> Place {
    Place { port: 0, macs: down() }
}

/// One end of a connection, in its own numbers.
#[derive(Clone, Copy, Debug)]
struct End {
    place: Place,
    own: SocketAddr,
    peer: SocketAddr,
    /// The number of what it sends next.
    next: u32,
    /// The number of what it hears next.
    expects: u32,
}

/// A connection: client and server.
pub(super) struct Connection {
    ends: [End; 2],
}

/// Which end.
pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;

/// What somebody outside, or a namespace, is: where and who.
pub(super) type Host = (Place, IpAddr);

impl Connection {
    /// A client calls an address; the server, if it hears that, answers.
    pub(super) fn open(
        world: &mut World,
        (from, client): (Place, SocketAddr),
        called: SocketAddr,
        (to, server): (Place, SocketAddr),
    ) -> Option<Self> {
        let end = |place, own, peer, next| End { place, own, peer, next, expects: 0 };
        let mut it =
            Self { ends: [end(from, client, called, 1000), end(to, server, called, 9000)] };
        let (heard, (sequence, _)) = it.send(world, CLIENT, "S", b"")?;
        assert_eq!(heard.to, server, "it is called by its own address");
        it.ends[SERVER].peer = heard.from;
        it.ends[CLIENT].next += 1;
        it.ends[SERVER].expects = sequence + 1;
        let (_, (sequence, _)) = it.send(world, SERVER, "SA", b"")?;
        it.ends[SERVER].next += 1;
        it.ends[CLIENT].expects = sequence + 1;
        it.say(world, CLIENT, "");
        Some(it)
    }

    /// As whom an end knows the other.
    pub(super) fn peer(&self, who: usize) -> SocketAddr {
        self.ends[who].peer
    }

    /// Says something, and returns what was heard of it. Both ends find all numbers as they must be.
    pub(super) fn say(&mut self, world: &mut World, who: usize, what: &str) -> String {
        let flags = if what.is_empty() { "A" } else { "PA" };
        self.flagged(world, who, flags, what)
    }

    /// Ends one direction.
    pub(super) fn finish(&mut self, world: &mut World, who: usize) {
        self.flagged(world, who, "FA", "");
        self.ends[who].next += 1;
        self.ends[1 - who].expects += 1;
    }

    fn flagged(&mut self, world: &mut World, who: usize, flags: &str, what: &str) -> String {
        let (heard, numbers) = self
            .send(world, who, flags, what.as_bytes())
            .unwrap_or_else(|| panic!("{what:?} is not heard"));
        self.ends[who].next += what.len() as u32;
        let other = &mut self.ends[1 - who];
        // What it acknowledges is what the other has sent, in the other's own numbers.
        assert_eq!(numbers, (other.expects, other.next), "after {what:?}");
        other.expects += heard.payload.len() as u32;
        String::from_utf8(heard.payload).expect("text")
    }

    /// Says the last thing again.
    pub(super) fn repeat(&mut self, world: &mut World, who: usize, what: &str, heard: &str) {
        self.ends[who].next -= what.len() as u32;
        self.ends[1 - who].expects -= heard.len() as u32;
        assert_eq!(self.say(world, who, what), heard);
    }

    /// The frame that an end would send.
    pub(super) fn frame(&self, who: usize, flags: &str, payload: &[u8]) -> Vec<u8> {
        let End { place, own, peer, next, expects } = self.ends[who];
        let says = Tcp { flags, sequence: next, acknowledgment: expects, payload, mss: None };
        tcp(place.macs, own, peer, says)
    }

    fn send(
        &self,
        world: &mut World,
        who: usize,
        flags: &str,
        payload: &[u8],
    ) -> Option<(Heard, (u32, u32))> {
        let (from, to) = (&self.ends[who], &self.ends[1 - who]);
        world.send(from.place.port, &self.frame(who, flags, payload));
        world.run();
        let out = world.received_by(to.place.port);
        assert!(out.len() <= 1, "one frame at most: {out:x?}");
        let (heard, numbers) = (hear(out.first()?), numbers(&out[0]));
        // What comes back to the host as it was is nobody's but the host's.
        let is_handed_back = heard.macs.1 == from.place.macs.0;
        if flags != "S" {
            assert_eq!((heard.from, heard.to), (to.peer, to.own));
        }
        (!is_handed_back || from.place.port != to.place.port).then_some((heard, numbers))
    }
}

/// Sequence and acknowledgment number of a segment.
fn numbers(frame: &[u8]) -> (u32, u32) {
    let sliced = SlicedPacket::from_ethernet(frame).expect("a packet");
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { panic!("not TCP") };
    (tcp.sequence_number(), tcp.acknowledgment_number())
}
