//! Who outside may send to a mapping (RFC 4787 section 5)? And who may not speak at all?

use dataplane::config::Filtering;
use dataplane::outcome::DropReason;
use dataplane::wire::ethernet::MacAddr;
use std::net::SocketAddr;
use std::time::Duration;
use udp_bridge_tests::counts::{dropped, received};
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::{World, own_mac};

/// A world in which the namespace behind port 1 has sent to port 53 outside; its external end.
fn mapped(family: Family, filtering: Filtering) -> (World, SocketAddr) {
    let mut world = network(3, |router| router.nat.filtering = filtering).start();
    let frame = udp(up(1), at(family.inside(1), 5000), at(family.outside, 53), b"question");
    let out = hear(&through(&mut world, 1, &frame, 0));
    (world, out.from)
}

/// Does a packet from there to the mapping arrive?
fn enters(world: &mut World, from: SocketAddr, external: SocketAddr) -> bool {
    let frame = udp(down(), from, external, b"may I?");
    let before = world.counters();
    world.send(0, &frame);
    world.run();
    let arrived = world.received_by(1);
    let died = world.counters()[0].dropped(DropReason::NatFiltered)
        - before[0].dropped(DropReason::NatFiltered);
    assert_eq!(arrived.len() as u64 + died, 1);
    for frame in &arrived {
        let heard = hear(frame);
        assert_eq!((heard.from, heard.to.port()), (from, 5000));
    }
    died == 0
}

#[test]
fn each_way_of_filtering_lets_in_whom_it_should() {
    use Filtering::{Address, AddressAndPort, EndpointIndependent};
    let expected = [
        (EndpointIndependent, [true, true, true]),
        (Address, [true, true, false]),
        (AddressAndPort, [true, false, false]),
    ];
    for (filtering, expected) in expected {
        for family in FAMILIES {
            let senders = [at(family.outside, 53), at(family.outside, 54), at(family.stranger, 53)];
            for (from, expected) in senders.into_iter().zip(expected) {
                let (mut world, external) = mapped(family, filtering);
                assert_eq!(enters(&mut world, from, external), expected, "{filtering:?} {from}");
            }
        }
    }
}

#[test]
fn a_mapping_ends_with_its_last_flow_and_so_does_what_it_let_in() {
    for family in FAMILIES {
        for filtering in [Filtering::EndpointIndependent, Filtering::Address] {
            let (mut world, external) = mapped(family, filtering);
            let other = at(family.outside, 54);
            assert!(enters(&mut world, other, external));
            // The second flow keeps the mapping, though not whom the first one had met.
            world.wait(Duration::from_secs(20));
            assert!(enters(&mut world, other, external));
            world.wait(Duration::from_secs(20));
            world.expire_router();
            assert_eq!((world.routed().leases(), world.routed().ports_in_use()), (1, 1));
            let third = at(family.outside, 55);
            let open = filtering == Filtering::EndpointIndependent;
            assert_eq!(enters(&mut world, third, external), open);
            world.wait(Duration::from_secs(200));
            world.expire_router();
            assert_eq!((world.routed().leases(), world.routed().ports_in_use()), (0, 0));
            // Now the port is the host's.
            let frame = udp(down(), third, external, b"may I?");
            assert_eq!(hear(&through(&mut world, 0, &frame, 0)).to, external);
        }
    }
}

#[test]
fn nobody_speaks_into_a_flow_from_where_he_cannot_be() {
    for family in FAMILIES {
        let mut world = network(3, |router| router.published = publishing([published(17)])).start();
        let frame = udp(up(1), at(family.inside(1), 5000), at(family.outside, 53), b"question");
        let external = hear(&through(&mut world, 1, &frame, 0)).from;
        let called = at(family.host, 8000);
        let call = udp(up(2), at(family.inside(2), 4000), called, b"hello");
        through(&mut world, 2, &call, 1);
        let forged = [
            // A sibling in the name of the server outside.
            (2, udp(up(2), at(family.outside, 53), external, b"answer")),
            // Somebody outside in the name of the sibling, in its flow and in a new one.
            (0, udp(down(), at(family.inside(2), 4000), called, b"hello")),
            (0, udp(down(), at(family.inside(2), 4001), called, b"hello")),
        ];
        for (port, frame) in forged {
            world.moves(
                |world| world.send(port, &frame),
                [received(port, [frame.len()]), dropped(port, DropReason::SpoofedSource, 1)],
            );
        }
        assert_eq!(world.flows().len(), 2);
    }
}

#[test]
fn no_namespace_speaks_to_the_host_in_the_hosts_own_name() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        let service = at(family.bridge, 9000);
        let honest = udp(up(1), at(family.inside(1), 5000), service, b"hello");
        assert_eq!(through(&mut world, 1, &honest, 0), honest);
        let to_all = (MacAddr::BROADCAST, own_mac(1));
        for own in [family.host, family.bridge] {
            for macs in [up(1), to_all] {
                let frame = udp(macs, at(own, 5000), service, b"it is me");
                world.moves(
                    |world| world.send(1, &frame),
                    [received(1, [frame.len()]), dropped(1, DropReason::SpoofedSource, 1)],
                );
            }
        }
    }
}

#[test]
fn a_way_of_filtering_that_is_chosen_later_knows_whom_flows_have_met() {
    for family in FAMILIES {
        let (mut world, external) = mapped(family, Filtering::AddressAndPort);
        let filter = |world: &mut World, filtering| {
            let mut config = router(3);
            config.nat.filtering = filtering;
            assert_eq!(world.routed().reconfigure(config), Ok(()));
        };
        filter(&mut world, Filtering::Address);
        assert!(enters(&mut world, at(family.outside, 54), external));
        assert!(!enters(&mut world, at(family.stranger, 53), external));
        filter(&mut world, Filtering::AddressAndPort);
        assert!(!enters(&mut world, at(family.outside, 55), external));
    }
}
