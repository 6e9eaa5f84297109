//! Published ports from everywhere, and the bind address.

use super::call::{Call, Protocol, assert_refused, connect};
use super::world::{MTU, NEEDS, World, outside};
use std::io::ErrorKind;
use std::net::IpAddr;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::outside::{Family, UPLINK};
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::traffic::End;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(NEEDS, "a_caller_from_outside_keeps_its_address", from_outside);
    suite.add_needing(NEEDS, "a_caller_on_the_host_is_seen_as_the_bridge", from_host);
    suite.add_needing(NEEDS, "a_sibling_is_seen_as_the_address_that_it_called", from_sibling);
    suite.add_needing(NEEDS, "a_namespace_reaches_its_own_published_port", from_itself);
    suite.add_needing(NEEDS, "each_port_of_a_range_leads_to_its_own", range);
    suite.add_needing(NEEDS, "a_port_of_127_0_0_1_is_the_hosts_alone", localhost_alone);
    suite.add_needing(NEEDS, "a_port_of_one_address_is_of_no_other", one_address);
    suite.add_needing(NEEDS, "a_published_port_without_a_server_is_refused", nobody);
    suite.add_needing(NEEDS, "of_two_overlapping_publishes_the_second_is_refused", overlapping);
}

/// The same port by TCP and by UDP.
const PUBLISH: &str = "--ports 2 --publish 8080:ub0-1:80 --publish 8080:ub0-1:80/udp";

/// A call to 8080 that the first namespace answers at 80.
fn call<'w>(world: &'w World<'_>, family: Family, client: &'w End, to: IpAddr) -> Call<'w> {
    let server = &world.ends[0];
    Call { client, to: (to, 8080).into(), server, at: (family.of(server), 80).into() }
}

fn from_outside(host: &Host) {
    let world = World::up(host, PUBLISH);
    for family in Family::BOTH {
        for protocol in Protocol::BOTH {
            let seen = call(&world, family, &world.outside, family.host()).make(host, protocol);
            assert_eq!(seen.source, seen.own, "{protocol:?}");
        }
    }
}

fn from_host(host: &Host) {
    let world = World::up(host, PUBLISH);
    for family in Family::BOTH {
        for to in [family.localhost(), family.host(), family.of(&world.bridge)] {
            for protocol in Protocol::BOTH {
                let seen = call(&world, family, &world.bridge, to).make(host, protocol);
                assert_eq!(seen.source.ip(), family.of(&world.bridge), "{protocol:?} to {to}");
            }
        }
    }
}

fn hairpin(host: &Host, from: usize) {
    let world = World::up(host, PUBLISH);
    for family in Family::BOTH {
        for to in [family.host(), family.of(&world.bridge)] {
            for protocol in Protocol::BOTH {
                let seen = call(&world, family, &world.ends[from], to).make(host, protocol);
                assert_eq!(seen.source.ip(), to, "{protocol:?} to {to}");
            }
        }
    }
}

fn from_sibling(host: &Host) {
    hairpin(host, 1);
}

fn from_itself(host: &Host) {
    hairpin(host, 0);
}

fn range(host: &Host) {
    let world = World::up(host, "--ports 2 --publish 8000-8099:ub0-2:9000-9099");
    let server = &world.ends[1];
    for family in Family::BOTH {
        for offset in [0, 57, 99] {
            for client in [&world.outside, &world.bridge, &world.ends[0]] {
                let to = (family.host(), 8000 + offset).into();
                let at = (family.of(server), 9000 + offset).into();
                Call { client, to, server, at }.make(host, Protocol::Tcp);
            }
        }
        assert_refused(host, &world.outside, (family.host(), 8100).into());
    }
}

fn localhost_alone(host: &Host) {
    let publish = "--ports 2 --publish 127.0.0.1:8080:ub0-1:80 --publish [::1]:8080:ub0-1:80";
    let world = World::up(host, publish);
    for family in Family::BOTH {
        call(&world, family, &world.bridge, family.localhost()).make(host, Protocol::Tcp);
        for client in [&world.outside, &world.ends[1], &world.ends[0], &world.bridge] {
            assert_refused(host, client, (family.host(), 8080).into());
        }
    }
}

/// Two more addresses of the host.
const OTHERS: [(IpAddr, u8); 2] = [
    (IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9)), 24),
    (IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9)), 64),
];

fn one_address(host: &Host) {
    let outside = outside(host, MTU);
    OTHERS.iter().for_each(|(other, prefix)| Rtnl::open().add_address(UPLINK, *other, *prefix));
    let publish = "--ports 2 --publish 192.0.2.9:8080:ub0-1:80 --publish 192.0.2.9:8080:ub0-1:80/udp \
                   --publish [2001:db8::9]:8080:ub0-1:80 --publish [2001:db8::9]:8080:ub0-1:80/udp";
    let world = World::beside(host, outside, publish);
    for (family, (other, _)) in Family::BOTH.into_iter().zip(OTHERS) {
        for client in [&world.outside, &world.bridge, &world.ends[1]] {
            for protocol in Protocol::BOTH {
                call(&world, family, client, other).make(host, protocol);
            }
            assert_refused(host, client, (family.host(), 8080).into());
        }
    }
}

/// The relay of the host's own calls is told late: it is reset after it was accepted.
fn nobody(host: &Host) {
    let world = World::up(host, PUBLISH);
    for family in Family::BOTH {
        assert_refused(host, &world.outside, (family.host(), 8080).into());
        assert_refused(host, &world.ends[1], (family.host(), 8080).into());
    }
}

fn overlapping(host: &Host) {
    let world = World::up(host, "--ports 1 --publish 8000-8099:ub0-1:8000-8099");
    let before = host.snapshot();
    for (publish, port) in
        [("8050:blue-1:80", "8050"), ("192.0.2.1:8099-8200:blue-1:1099-1200", "8099")]
    {
        let arguments = format!("up --ports 1 --name blue --publish {publish}");
        let refused = host.udp_bridge(&arguments);
        assert_eq!(refused.code(), Some(2), "{refused:?}");
        for word in ["ub0", port] {
            assert!(refused.stderr.contains(word), "{word} is not in {refused:?}");
        }
        before.assert_same(&host.snapshot());
    }
    // The first still works, and one beside it.
    let server = &world.ends[0];
    let (to, at) = ((Family::V4.host(), 8099).into(), (server.ipv4, 8099).into());
    Call { client: &world.outside, to, server, at }.make(host, Protocol::Tcp);
    let _blue = host.up("--ports 1 --name blue --publish 8100:blue-1:80");
    let blue = &host.ends("blue")[1];
    let (to, at) = ((Family::V4.host(), 8100).into(), (blue.ipv4, 80).into());
    Call { client: &world.outside, to, server: blue, at }.make(host, Protocol::Tcp);
    let nobody = connect(host, &world.outside, (Family::V4.host(), 8098).into());
    assert_eq!(nobody.map(drop).map_err(|e| e.kind()), Err(ErrorKind::ConnectionRefused));
}
