//! Is any frame lost uncounted, or counted twice? Random traffic in random worlds.

use dataplane::config::StormLimit;
use dataplane::outcome::DropReason;
use dataplane::port::Offloads;
use dataplane::wire::ethernet::MacAddr;
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;
use udp_bridge_tests::ending::{Ending, is_of_egress, offer};
use udp_bridge_tests::packets::{Kind, plain};
use udp_bridge_tests::world::{Setup, World, own_mac, strange_mac};

/// One event.
#[derive(Clone, Debug)]
enum Event {
    Frame { from: u16, source: MacAddr, destination: MacAddr, body: Body },
    Wait(u64),
    Expire,
    Vanish(u16),
}

/// What a frame carries.
#[derive(Clone, Debug)]
enum Body {
    Plain(usize),
    Packet(Kind, usize),
    Partial(Kind, usize),
    Super(Kind, usize, u16),
}

impl Body {
    fn bytes(&self, to: MacAddr, from: MacAddr) -> Vec<u8> {
        let behind_header = |frame: Vec<u8>| [&[0; 10][..], &frame].concat();
        match *self {
            Self::Plain(length) => behind_header(plain(to, from, length)),
            Self::Packet(kind, length) => behind_header(kind.frame(to, from, &vec![5; length])),
            Self::Partial(kind, length) => kind.offloaded(to, from, &vec![5; length], 0),
            Self::Super(kind, length, size) => kind.offloaded(to, from, &vec![5; length], size),
        }
    }
}

fn mac(ports: u16) -> impl Strategy<Value = MacAddr> {
    prop_oneof![
        4 => (0..ports).prop_map(own_mac),
        4 => (0u32..12).prop_map(strange_mac),
        1 => Just(MacAddr::BROADCAST),
        1 => (0u8..32).prop_map(|last| MacAddr([1, 0x80, 0xc2, 0, 0, last])),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    let kind = || proptest::sample::select(&Kind::ALL[..]);
    prop_oneof![
        (14usize..1600).prop_map(Body::Plain),
        (kind(), 0usize..1600).prop_map(|(kind, length)| Body::Packet(kind, length)),
        (kind(), 0usize..1600).prop_map(|(kind, length)| Body::Partial(kind, length)),
        (kind(), 1usize..9000, 1u16..1600)
            .prop_map(|(kind, length, size)| { Body::Super(kind, length, size) }),
    ]
}

fn event(ports: u16) -> impl Strategy<Value = Event> {
    let frame =
        (0..ports, mac(ports), mac(ports), body()).prop_map(|(from, source, destination, body)| {
            Event::Frame { from, source, destination, body }
        });
    prop_oneof![
        40 => frame,
        8 => (0u64..400).prop_map(Event::Wait),
        2 => Just(Event::Expire),
        1 => (0..ports).prop_map(Event::Vanish),
    ]
}

/// A world of so many ports, its ports' kinds taken from the bits of `seed`, with small tables.
fn world(ports: u16, seed: u64) -> World {
    let mut setup = Setup::of(ports).switch(|switch| {
        switch.ageing = Duration::from_secs(5);
        switch.fdb_capacity = usize::from(ports) + 6;
        switch.fdb_port_limit = 3;
        switch.storm = Some(StormLimit { frames_per_second: 100, bytes_per_second: 200_000 });
    });
    for id in 0..ports {
        let bits = seed.rotate_right(u32::from(id) * 5);
        setup = setup.port(id, |port| {
            port.offloads = match bits & 3 {
                0 => Offloads::NONE,
                1 => Offloads::CHECKSUM.with(Offloads::TSO4),
                _ => Offloads::ALL,
            };
            port.isolated = bits & 4 != 0;
            port.check_source = bits & 24 == 8;
            port.mtu = if bits & 24 == 16 { 600 } else { 1500 };
        });
    }
    setup.start()
}

/// Counts of a world: frames received, and frames that died on their way in.
fn totals(world: &World) -> (u64, u64) {
    let of_ingress = |reason: &DropReason| !is_of_egress(*reason);
    world.counters().iter().fold((0, 0), |(received, died), port| {
        let drops = port.drops().filter(|(reason, _)| of_ingress(reason)).map(|(_, n)| n);
        (received + port.received, died + drops.sum::<u64>())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn every_frame_ends_exactly_once(
        (ports, events) in (3u16..9).prop_flat_map(|n| (Just(n), vec(event(n), 1..120))),
        seed in any::<u64>(),
    ) {
        let mut world = world(ports, seed);
        let (mut died, mut handed) = (0, 0);
        for event in events {
            match event {
                Event::Frame { from, source, destination, body } => {
                    match offer(&mut world, from, &body.bytes(destination, source)) {
                        Ending::Died(_) => died += 1,
                        Ending::Handed(_) => handed += 1,
                        Ending::NotRead => {}
                    }
                }
                Event::Wait(millis) => world.wait(Duration::from_millis(millis)),
                Event::Expire => drop(world.expire()),
                Event::Vanish(port) => world.host(port).vanish(),
            }
            prop_assert!(world.fdb().len() <= usize::from(ports) + 6);
        }
        prop_assert_eq!(totals(&world), (died + handed, died));
    }
}
