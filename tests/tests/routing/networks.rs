//! Packets between the network and another one of its host: apart, unless a rule says otherwise.

use dataplane::config::{Action, Place, RouterConfig, Rule};
use dataplane::flow::NetworkId;
use dataplane::outcome::DropReason;
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use udp_bridge_tests::counts::{dropped, received, sent};
use udp_bridge_tests::errors::{Complaint, complain};
use udp_bridge_tests::network::*;
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::World;

/// The other network.
pub(crate) const BACK: NetworkId = NetworkId(7);

/// Makes it known that there is another network.
pub(crate) fn beside(router: &mut RouterConfig) {
    let v4 = Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 2, 0), 24);
    let v6 = Ipv6Net::new_assert(Ipv6Addr::new(0xfd02, 0, 0, 0, 0, 0, 0, 0), 64);
    router.host.networks = vec![(v4.into(), BACK), (v6.into(), BACK)];
}

/// Somebody in the other network.
pub(crate) fn theirs(family: Family) -> IpAddr {
    let (v4, v6) = (Ipv4Addr::new(172, 16, 2, 9), Ipv6Addr::new(0xfd02, 0, 0, 0, 0, 0, 0, 9));
    family.of(v4.into(), v6.into())
}

fn to_them() -> Rule {
    Rule { to: Some(Place::Network(BACK)), ..Rule::default() }
}

fn from_them() -> Rule {
    Rule { from: Some(Place::Network(BACK)), ..Rule::default() }
}

fn world(rules: impl IntoIterator<Item = Rule>) -> World {
    let rules = rules.into_iter().collect();
    network(3, |router| {
        beside(router);
        router.filter.rules = rules;
    })
    .start()
}

#[track_caller]
fn dies(world: &mut World, port: u16, frame: &[u8], reason: DropReason) {
    world.moves(
        |world| world.send(port, frame),
        [received(port, [frame.len()]), dropped(port, reason, 1)],
    );
}

fn call(family: Family) -> Vec<u8> {
    udp(up(1), at(family.inside(1), 5000), at(theirs(family), 53), b"call")
}

#[test]
fn networks_are_apart_whatever_else_may_pass() {
    let accept_all = Rule::default();
    let outside = Rule { to: Some(Place::Outside), ..Rule::default() };
    for rules in [vec![], vec![accept_all], vec![outside]] {
        for (family, uplink) in FAMILIES.into_iter().flat_map(|it| [(it, true), (it, false)]) {
            let mut world = network(3, |router| {
                beside(router);
                router.filter.rules = rules.clone();
                if !uplink {
                    router.uplink = None;
                }
            })
            .start();
            let frame = call(family);
            // Its sender learns at once that there is no way.
            world.moves(
                |world| world.send(1, &frame),
                [
                    received(1, [frame.len()]),
                    dropped(1, DropReason::OtherNetwork, 1),
                    sent(1, [frame.len() + family.of(28, 48)]),
                ],
            );
            let (them, us) = (at(theirs(family), 5000), at(family.inside(1), 53));
            dies(&mut world, 0, &udp(across(0, 1), them, us, b"call"), DropReason::OtherNetwork);
            if uplink {
                dies(&mut world, 0, &udp(down(), them, us, b"call"), DropReason::OtherNetwork);
            }
            assert!(world.flows().is_empty());
        }
    }
}

#[test]
fn a_rule_lets_one_side_begin_and_the_other_answer() {
    for family in FAMILIES {
        let mut world = world([to_them()]);
        let (us, them) = (at(family.inside(1), 5000), at(theirs(family), 53));
        let out = hear(&through(&mut world, 1, &call(family), 0));
        assert_eq!((out.from, out.to, out.hops), (us, them, 64), "as it came");
        let answer = hear(&through(&mut world, 0, &udp(down(), them, us, b"answer"), 1));
        assert_eq!((answer.macs, answer.from, answer.to), (across(0, 1), them, us));
        // Not by another way, and nothing that we did not ask for.
        dies(&mut world, 0, &udp(across(0, 1), them, us, b"answer"), DropReason::OtherNetwork);
        let other = at(family.inside(1), 5001);
        dies(&mut world, 0, &udp(down(), them, other, b"call"), DropReason::OtherNetwork);
        // A ping, too.
        let ping = echo(up(2), family.inside(2), theirs(family), 9, false, 64);
        through(&mut world, 2, &ping, 0);
        let pong = echo(down(), theirs(family), family.inside(2), 9, true, 64);
        assert_eq!(hear(&through(&mut world, 0, &pong, 2)).id, 9);
        let ping = echo(down(), theirs(family), family.inside(2), 10, false, 64);
        dies(&mut world, 0, &ping, DropReason::OtherNetwork);
    }
}

#[test]
fn a_rule_lets_the_other_side_begin_and_ours_answer() {
    for family in FAMILIES {
        let mut world = world([from_them()]);
        let (us, them) = (at(family.inside(1), 80), at(theirs(family), 5000));
        let syn = Tcp { flags: "S", sequence: 100, mss: Some(1460), ..Tcp::default() };
        let call = through(&mut world, 0, &tcp(down(), them, us, syn), 1);
        assert_eq!((hear(&call).from, hear(&call).to), (them, us));
        let answer = Tcp { flags: "SA", sequence: 900, acknowledgment: 101, ..Tcp::default() };
        let out = hear(&through(&mut world, 1, &tcp(up(1), us, them, answer), 0));
        assert_eq!((out.from, out.to), (us, them));
        // Only the one that was called has it.
        let forged = tcp(up(2), us, them, answer);
        dies(&mut world, 2, &forged, DropReason::CtInvalid);
        let frame = super::networks::call(family);
        world.send(1, &frame);
        world.run();
        assert_eq!(world.flows().len(), 1, "none of ours begins");
    }
}

#[test]
fn nobody_takes_an_address_of_another_network() {
    for family in FAMILIES {
        let mut world = world([to_them(), from_them()]);
        let them = at(theirs(family), 5000);
        for to in [at(family.bridge, 53), at(family.inside(2), 53), at(family.outside, 53), them] {
            dies(&mut world, 1, &udp(up(1), them, to, b"it is me"), DropReason::SpoofedSource);
        }
        // Nor does anybody send to it as somebody who is not of this network.
        let stranger = udp(up(1), at(family.stranger, 5000), them, b"call");
        dies(&mut world, 1, &stranger, DropReason::SpoofedSource);
        let outside = udp(down(), at(family.outside, 53), at(family.inside(1), 80), b"call");
        dies(&mut world, 0, &outside, DropReason::SpoofedSource);
        // What is published for the outside is not for who only looks like another network.
        change(&mut world, |router| router.published = publishing([published(17)]));
        let forged = udp(down(), them, at(family.host, 8000), b"call");
        dies(&mut world, 0, &forged, DropReason::SpoofedSource);
    }
}

#[test]
fn what_is_wrong_with_a_packet_is_told_to_its_sender() {
    for family in FAMILIES {
        let mut world = world([to_them(), from_them()]);
        let sent = through(&mut world, 1, &call(family), 0);
        let error =
            complain(down(), theirs(family), family.inside(1), Complaint::PortUnreachable, &sent);
        let told = hear(&through(&mut world, 0, &error, 1));
        assert_eq!((told.from.ip(), told.to.ip()), (theirs(family), family.inside(1)));
        // And the other way round.
        let (us, them) = (at(family.inside(2), 80), at(theirs(family), 6000));
        let got = through(&mut world, 0, &udp(down(), them, us, b"call"), 2);
        let error =
            complain(up(2), family.inside(2), theirs(family), Complaint::PortUnreachable, &got);
        let told = hear(&through(&mut world, 2, &error, 0));
        assert_eq!((told.from.ip(), told.to.ip()), (family.inside(2), theirs(family)));
    }
}

/// A flow that a rule let pass.
fn talking(family: Family) -> World {
    let mut world = world([to_them()]);
    let (us, them) = (at(family.inside(1), 5000), at(theirs(family), 53));
    through(&mut world, 1, &call(family), 0);
    through(&mut world, 0, &udp(down(), them, us, b"answer"), 1);
    assert_eq!(world.flows().len(), 1);
    world
}

fn change(world: &mut World, change: impl FnOnce(&mut RouterConfig)) {
    let mut config = router(3);
    beside(&mut config);
    config.filter.rules = vec![to_them()];
    change(&mut config);
    assert_eq!(world.routed().reconfigure(config), Ok(()));
    world.routed().settle();
}

#[test]
fn flows_end_with_the_rule_that_let_them_pass_and_with_the_network() {
    for family in FAMILIES {
        let keeps: [fn(&mut RouterConfig); 2] = [
            |router| router.host.routes.reverse(),
            |router| router.filter.rules.insert(0, from_them()),
        ];
        for keep in keeps {
            let mut world = talking(family);
            change(&mut world, keep);
            assert_eq!(world.flows().len(), 1);
            through(&mut world, 1, &call(family), 0);
        }
        let ends: [fn(&mut RouterConfig); 4] = [
            |router| router.filter.rules.clear(),
            |router| router.filter.rules = vec![from_them()],
            |router| router.host.networks.clear(),
            |router| router.host.networks.iter_mut().for_each(|it| it.1 = NetworkId(8)),
        ];
        for end in ends {
            let mut world = talking(family);
            change(&mut world, end);
            assert!(world.flows().is_empty());
        }
    }
}

#[test]
fn what_went_to_the_outside_ends_where_a_network_comes() {
    for family in FAMILIES {
        let mut world = network(3, |_| {}).start();
        // What it is translated to the host sends to a network that nobody has told us of yet.
        let out = hear(&through(&mut world, 1, &call(family), 0));
        assert_eq!(out.from.ip(), family.host);
        change(&mut world, |_| {});
        assert!(world.flows().is_empty());
        assert_eq!(world.routed().leases(), 0);
    }
}

#[test]
fn a_rule_that_forbids_is_asked_about_other_networks_too() {
    for family in FAMILIES {
        let drop = Rule { action: Action::Drop, protocol: Some(17), ..Rule::default() };
        let mut world = world([drop, to_them()]);
        dies(&mut world, 1, &call(family), DropReason::FilterDrop);
        let ping = echo(up(2), family.inside(2), theirs(family), 9, false, 64);
        through(&mut world, 2, &ping, 0);
    }
}
