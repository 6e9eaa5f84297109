//! Properties: the NAT against a slow model, and checksums after the whole way.

use dataplane::frame::Offloads;
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::IpAddr;
use std::time::Duration;
use udp_bridge_tests::network::*;
use udp_bridge_tests::pieces::unfinished;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

/// The external ports of the random worlds.
const PORTS: std::ops::RangeInclusive<u16> = 61_000..=61_003;

/// Who outside is spoken to: address and port. Of a ping only the address matters.
fn remote(family: Family, n: usize) -> (IpAddr, u16) {
    [(family.outside, 53), (family.outside, 54), (family.stranger, 53)][n % 3]
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// A namespace sends from a port, or pings with it as the identifier.
    Out { ping: bool, port: u16, l4: u16, remote: usize },
    /// Somebody outside sends to an external port.
    In { ping: bool, l4: u16, remote: usize },
    /// So many seconds pass.
    Wait(u64),
    /// What has expired is swept.
    Sweep,
}

fn event() -> impl Strategy<Value = Event> {
    let out = (any::<bool>(), 1u16..4, 5000u16..5003, 0usize..3)
        .prop_map(|(ping, port, l4, remote)| Event::Out { ping, port, l4, remote });
    let back = (any::<bool>(), PORTS, 0usize..3).prop_map(|(ping, l4, remote)| Event::In {
        ping,
        l4,
        remote,
    });
    prop_oneof![
        8 => out,
        8 => back,
        2 => (0u64..50).prop_map(Event::Wait),
        1 => Just(Event::Sweep),
    ]
}

/// A flow as the model knows it.
#[derive(Clone, Copy, Debug)]
struct Flow {
    ping: bool,
    inside: (u16, u16),
    remote: (IpAddr, u16),
    external: u16,
    began: u64,
    replied: bool,
    until: u64,
}

impl Flow {
    fn touch(&mut self, now: u64, is_reply: bool) {
        let stream = !self.ping && self.replied && now > self.began + 2;
        self.until = now + if stream { 120 } else { 30 };
        self.replied |= is_reply;
    }
}

/// All flows that ever were, searched from one end to the other.
#[derive(Debug)]
struct Model {
    family: Family,
    now: u64,
    flows: Vec<Flow>,
}

impl Model {
    fn remote(&self, ping: bool, n: usize) -> (IpAddr, u16) {
        let (address, port) = remote(self.family, n);
        (address, if ping { 0 } else { port })
    }

    fn living(&mut self) -> impl Iterator<Item = &mut Flow> {
        let now = self.now;
        self.flows.iter_mut().filter(move |flow| now < flow.until)
    }

    fn out(&mut self, world: &mut World, ping: bool, inside: (u16, u16), n: usize) {
        let (family, now, remote) = (self.family, self.now, self.remote(ping, n));
        let from = family.inside(inside.0);
        let frame = match ping {
            true => echo(up(inside.0), from, remote.0, inside.1, false, 64),
            false => udp(up(inside.0), at(from, inside.1), at(remote.0, remote.1), b"out"),
        };
        world.send(inside.0, &frame);
        world.run();
        let out = world.received_by(0);
        let known = self
            .living()
            .find(|flow| (flow.ping, flow.inside, flow.remote) == (ping, inside, remote));
        let Some(frame) = out.first() else {
            assert!(known.is_none(), "a known flow is not refused");
            let taken = |port| {
                move |flow: &mut Flow| {
                    (flow.ping, flow.external, flow.remote) == (ping, port, remote)
                }
            };
            for port in PORTS {
                assert!(self.living().any(|flow| taken(port)(flow)), "port {port} is free");
            }
            return;
        };
        let heard = hear(frame);
        let external = if ping { heard.id } else { heard.from.port() };
        assert_eq!((heard.from.ip(), heard.to.ip()), (family.host, remote.0));
        assert!(PORTS.contains(&external));
        if let Some(flow) = known {
            assert_eq!(flow.external, external, "a flow keeps its port");
            return flow.touch(now, false);
        }
        let same =
            |flow: &Flow| (flow.ping, flow.external, flow.remote) == (ping, external, remote);
        assert!(!self.living().any(|flow| same(flow)), "two flows have one outside");
        let until = now + 30;
        self.flows.push(Flow { ping, inside, remote, external, began: now, replied: false, until });
    }

    fn back(&mut self, world: &mut World, ping: bool, external: u16, n: usize) {
        let (family, now, remote) = (self.family, self.now, self.remote(ping, n));
        let frame = match ping {
            true => echo(down(), remote.0, family.host, external, true, 60),
            false => udp(down(), at(remote.0, remote.1), at(family.host, external), b"in"),
        };
        let before = world.counters()[0].dropped_total();
        world.send(0, &frame);
        world.run();
        let flow = self
            .living()
            .find(|flow| (flow.ping, flow.external, flow.remote) == (ping, external, remote));
        let Some(flow) = flow else {
            let died = world.counters()[0].dropped_total() - before;
            assert_eq!(died + world.received_by(0).len() as u64, 1);
            (1..4).for_each(|port| assert!(world.received_by(port).is_empty()));
            return;
        };
        flow.touch(now, true);
        let (port, l4) = flow.inside;
        let heard = hear(&only(world, port));
        assert_eq!((heard.from.ip(), heard.to.ip()), (remote.0, family.inside(port)));
        assert_eq!(if ping { heard.id } else { heard.to.port() }, l4);
        assert_eq!(heard.from.port(), remote.1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_flow_has_an_outside_of_its_own_and_hears_what_is_said_to_it(
        events in vec(event(), 1..150), v4 in any::<bool>(),
    ) {
        let mut world = network(4, |router| router.nat.ports = PORTS).start();
        let family = if v4 { V4 } else { V6 };
        let mut model = Model { family, now: 0, flows: Vec::new() };
        for event in events {
            match event {
                Event::Out { ping, port, l4, remote } => {
                    model.out(&mut world, ping, (port, l4), remote);
                }
                Event::In { ping, l4, remote } => model.back(&mut world, ping, l4, remote),
                Event::Wait(seconds) => {
                    model.now += seconds;
                    world.wait(Duration::from_secs(seconds));
                }
                Event::Sweep => world.expire_router(),
            }
            let living = model.living().count();
            prop_assert_eq!(world.flows().len(), living);
            prop_assert!(world.routed().leases() >= living);
        }
        world.wait(Duration::from_secs(200));
        world.expire_router();
        let router = world.routed();
        prop_assert_eq!((router.flows(), router.leases(), router.ports_in_use()), (0, 0, 0));
    }

    #[test]
    fn checksums_are_right_at_the_end_of_the_way(
        payload in vec(any::<u8>(), 1..1400), v4 in any::<bool>(), is_tcp in any::<bool>(),
        way in 0usize..3, partial in any::<bool>(), plain in any::<bool>(), from in 1u16..,
    ) {
        let family = if v4 { V4 } else { V6 };
        let offloads = if plain { Offloads::NONE } else { Offloads::ALL };
        let mut setup = network(3, |router| {
            router.published = publishing([published(6), published(17)]);
        });
        for port in 0..3 {
            setup = setup.port(port, |port| port.offloads = offloads);
        }
        let mut world = setup.start();
        let (outside, called) = (at(family.outside, from), at(family.host, 8000));
        let (ingress, macs, ends, egress) = [
            (1, up(1), [at(family.inside(1), from), at(family.outside, 80)], 0),
            (0, down(), [outside, called], 1),
            (2, up(2), [at(family.inside(2), from), called], 1),
        ][way];
        // A connection may be picked up in its middle.
        let data = Tcp { flags: "A", sequence: 5, acknowledgment: 9, payload: &payload, mss: None };
        let frame = match is_tcp {
            true => tcp(macs, ends[0], ends[1], data),
            false => udp(macs, ends[0], ends[1], &payload),
        };
        let raw = match partial {
            true => unfinished(frame, 0),
            false => dataplane::frame::with_plain_header(&frame),
        };
        world.send_raw(ingress, raw);
        world.run();
        let arrived = world.raw_received_by(egress);
        prop_assert_eq!(arrived.len(), 1);
        let frame = &arrived[0][10..];
        if partial && !plain {
            let whole = udp_bridge_tests::pieces::finished(&arrived[0]);
            prop_assert_eq!(hear(&whole).payload, payload);
        } else {
            prop_assert_eq!(hear(frame).payload, payload);
        }
    }
}
