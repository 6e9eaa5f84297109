//! Is any frame lost uncounted, or counted twice? Random traffic around a router.

use dataplane::config::Filtering;
use dataplane::counters::CounterSnapshot;
use dataplane::frame::Offloads;
use dataplane::outcome::DropReason;
use dataplane::wire::ethernet::MacAddr;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use udp_bridge_tests::ending::{is_of_egress, offer_routed};
use udp_bridge_tests::errors::{Complaint, ask, complain, tell};
use udp_bridge_tests::fuzz::{EXTERNAL, nothing_is_lost, tight};
use udp_bridge_tests::network::*;
use udp_bridge_tests::pieces::{fragments, unfinished};
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::{World, own_mac};

const PORTS: u16 = 4;

/// Anybody who may be named in a packet.
fn who(family: Family) -> impl Strategy<Value = IpAddr> {
    let Family { bridge, host, outside, stranger, hop } = family;
    let named = [
        family.inside(1),
        family.inside(2),
        family.inside(3),
        family.nobody(1),
        family.nobody(2),
        bridge,
        host,
        host,
        outside,
        outside,
        stranger,
        hop,
    ];
    proptest::sample::select(named.to_vec())
}

fn end(family: Family) -> impl Strategy<Value = SocketAddr> {
    let ports = [53, 80, 81, 82, 4000, 8000, 8001, 8002];
    let ports: Vec<u16> = ports.into_iter().chain(EXTERNAL).collect();
    (who(family), proptest::sample::select(ports)).prop_map(|(who, port)| at(who, port))
}

fn mac() -> impl Strategy<Value = MacAddr> {
    prop_oneof![
        6 => (0..PORTS).prop_map(own_mac),
        2 => Just(own_mac(0)),
        3 => Just(NEXT_HOP_MAC),
        1 => Just(MacAddr::BROADCAST),
    ]
}

/// A packet as somebody would send it: the virtio header and each of its frames.
fn packet(family: Family, macs: Macs) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let ends = || (end(family), end(family));
    let flags = proptest::sample::select(vec!["S", "SA", "A", "FA", "R", "PA"]);
    let plain = dataplane::frame::with_plain_header;
    let datagram = (ends(), 0usize..1400, any::<u8>(), 0u16..3).prop_map(
        move |((from, to), length, hops, finish)| {
            let frame = udp_with_hops(macs, from, to, &vec![4; length], hops);
            vec![if finish == 0 { unfinished(frame, 500) } else { plain(&frame) }]
        },
    );
    let segment = (ends(), flags, 0usize..3000, any::<[u8; 2]>()).prop_map(
        move |((from, to), flags, length, [sequence, acknowledgment])| {
            let payload = &vec![6; length];
            let (sequence, acknowledgment) = (sequence.into(), acknowledgment.into());
            let says = Tcp { flags, sequence, acknowledgment, payload, mss: None };
            vec![unfinished(tcp(macs, from, to, says), if length > 1400 { 1000 } else { 0 })]
        },
    );
    let ping = (ends(), any::<bool>(), 0u8..4).prop_map(move |((from, to), reply, hops)| {
        vec![plain(&echo(macs, from.ip(), to.ip(), from.port(), reply, hops))]
    });
    let complaints = [Complaint::PortUnreachable, Complaint::TimeExceeded, Complaint::TooBig(1300)];
    let error = (ends(), ends(), proptest::sample::select(complaints.to_vec())).prop_map(
        move |((from, to), about, complaint)| {
            let about = udp(macs, about.0, about.1, b"about this");
            vec![plain(&complain(macs, from.ip(), to.ip(), complaint, &about))]
        },
    );
    let pieces = (ends(), 0u16..3, any::<bool>(), 0usize..4).prop_map(
        move |((from, to), id, reversed, lost)| {
            let mut pieces = fragments(&udp(macs, from, to, &[8; 1200]), 400, id);
            if lost < 3 {
                pieces.remove(lost);
            }
            if reversed {
                pieces.reverse();
            }
            pieces.iter().map(|frame| plain(frame)).collect()
        },
    );
    let question = (who(family), who(family)).prop_map(move |(from, target)| {
        let target =
            if target == from { family.of(NEXT_HOP.0.into(), NEXT_HOP.1.into()) } else { target };
        vec![plain(&ask((macs.1, from), target))]
    });
    let answer = (who(family), who(family))
        .prop_map(move |(from, to)| vec![plain(&tell((macs.1, from), (macs.0, to)))]);
    prop_oneof![
        6 => datagram, 4 => segment, 1 => ping, 2 => error, 2 => pieces, 1 => question, 2 => answer
    ]
}

/// One event.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Frames { port: u16, frames: Vec<Vec<u8>> },
    Wait(u64),
    Expire,
    Reconfigure(u8),
    Vanish,
}

/// A packet from a port, mostly to where it could be meant for; some of its bytes changed, sometimes.
fn frames() -> impl Strategy<Value = Event> {
    let changes = vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3);
    let changes = prop_oneof![3 => Just(Vec::new()), 1 => changes];
    let ways = prop_oneof![
        4 => (1..PORTS).prop_map(|port| (port, up(port))),
        4 => Just((0, down())),
        2 => (0..PORTS, 0..PORTS).prop_map(|(from, to)| (from, across(from, to))),
        1 => (0..PORTS, mac(), mac()).prop_map(|(port, to, from)| (port, (to, from))),
    ];
    let family = proptest::sample::select(FAMILIES.to_vec());
    (ways, family)
        .prop_flat_map(|((port, macs), family)| (Just(port), packet(family, macs)))
        .prop_flat_map(move |(port, frames)| (Just(port), Just(frames), changes.clone()))
        .prop_map(|(port, mut frames, changes)| {
            for frame in &mut frames {
                for (at, value) in &changes {
                    let at = at.index(frame.len());
                    frame[at] = *value;
                }
            }
            Event::Frames { port, frames }
        })
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let noise = (0..PORTS, vec(any::<u8>(), 0..100))
        .prop_map(|(port, bytes)| Event::Frames { port, frames: vec![bytes] });
    prop_oneof![
        40 => frames(),
        2 => noise,
        4 => (0u64..20_000).prop_map(Event::Wait),
        2 => Just(Event::Expire),
        1 => any::<u8>().prop_map(Event::Reconfigure),
        1 => Just(Event::Vanish),
    ]
}

/// A configuration chosen by bits.
pub(super) fn config(bits: u8) -> dataplane::config::RouterConfig {
    let mut config = router(PORTS);
    tight(&mut config);
    config.nat.filtering = match bits & 3 {
        0 => Filtering::EndpointIndependent,
        1 => Filtering::Address,
        _ => Filtering::AddressAndPort,
    };
    config.filter.icc = bits & 4 == 0;
    match bits >> 3 & 7 {
        0 => config.host.routes.clear(),
        1 => config.published = publishing([]),
        2 => crate::endings::internal(&mut config),
        3 => config.uplink = None,
        4 => config.filter.rules.clear(),
        5 => config.nat.ports = 61_002..=61_009,
        _ => {}
    }
    config
}

pub(super) fn world(bits: u8) -> World {
    let some = Offloads::CHECKSUM.with(Offloads::TSO4);
    network(PORTS, |router| *router = config(bits))
        .port(1, |port| (port.offloads, port.check_source) = (Offloads::NONE, false))
        .port(2, |port| (port.offloads, port.mtu) = (some, 600))
        .start()
}

/// Frames that died for a reason that is not their way out's, nor that their neighbour is not known.
fn died(world: &World) -> u64 {
    let drops = |port: &CounterSnapshot| -> u64 {
        let elsewhere = |reason| is_of_egress(reason) || reason == DropReason::Unresolved;
        port.drops().filter(|(reason, _)| !elsewhere(*reason)).map(|(_, n)| n).sum()
    };
    world.counters().iter().map(drops).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_frame_ends_exactly_once_and_what_waited_too(
        events in vec(event(), 1..150), bits in any::<u8>(),
    ) {
        let mut world = world(bits);
        let mut given_up = 0;
        for event in events.into_iter().chain([Event::Wait(61_000), Event::Expire]) {
            match event {
                Event::Frames { port, frames } => {
                    frames.iter().for_each(|frame| offer_routed(&mut world, port, frame));
                }
                Event::Wait(millis) => world.wait(Duration::from_millis(millis)),
                Event::Expire => {
                    let before = died(&world);
                    world.expire_router();
                    given_up += died(&world) - before;
                }
                Event::Reconfigure(bits) => {
                    prop_assert!(world.routed().reconfigure(config(bits)).is_ok());
                }
                Event::Vanish => world.host(PORTS - 1).vanish(),
            }
            let flows = world.flows();
            let ends = flows.iter().flat_map(|flow| {
                [(flow.protocol, flow.original), (flow.protocol, flow.reply)]
            });
            let distinct: HashSet<_> = ends.collect();
            prop_assert_eq!(distinct.len(), 2 * flows.len(), "two flows have one end: {:?}", flows);
            prop_assert!(world.routed().flows() <= 8);
        }
        let counters = world.counters();
        let held: u64 = counters.iter().map(|port| port.held).sum();
        let released: u64 = counters.iter().map(|port| port.released).sum();
        // So few flows wait for few neighbours: who dies of one has waited, and a later one pushed it out.
        let unresolved = |port: &CounterSnapshot| port.dropped(DropReason::Unresolved);
        given_up += counters.iter().map(unresolved).sum::<u64>();
        prop_assert_eq!(held, released + given_up);
        nothing_is_lost(&mut world);
    }
}
