//! What is left when a control connection ends, its time is over, a limit is reached, or FTP is switched
//! off.

use super::control::*;
use super::words::eprt;
use super::{configure, open_control, talk, world};
use crate::masquerade::families;
use dataplane::ftp::{EXPECTATION_TIMEOUT, MAX_EXPECTATIONS};
use udp_bridge_tests::network::*;
use udp_bridge_tests::world::World;

#[test]
fn a_port_that_nobody_came_to_is_free_again() {
    for (_, _, far) in families() {
        // One port for each of the two control connections, and one more.
        let mut world = world(|router| router.nat.ports = 61_000..=61_002);
        let own = |port| if far.is_ipv4() { inside(port).into() } else { inside6(port).into() };
        let of = |world: &mut World, port| {
            open_control(world, ((namespace(port), own(port)), far, (outside(), far)))
        };
        let (mut first, mut second) = (of(&mut world, 1), of(&mut world, 2));
        let (one, two) = (eprt(at(own(1), 5000)), eprt(at(own(2), 5000)));
        assert_ne!(first.say(&mut world, CLIENT, &one), one);
        assert_eq!(
            second.say(&mut world, CLIENT, &two),
            two,
            "no port is left: it passes as it is"
        );
        // A connection of which something is not acknowledged is kept for a shorter time.
        for control in [&mut first, &mut second] {
            control.say(&mut world, SERVER, "200 Well.\r\n");
            control.say(&mut world, CLIENT, "");
        }

        world.wait(EXPECTATION_TIMEOUT);
        world.expire_router();
        let told = second.say(&mut world, CLIENT, &two);
        assert_ne!(told, two, "its time was over");
        second.say(&mut world, SERVER, "200 Well.\r\n");
        assert_eq!(first.say(&mut world, CLIENT, &one), one);

        // The second goes, and what it announced with it.
        assert_eq!(world.routed().flush(), 2);
        let mut third = of(&mut world, 3);
        let three = eprt(at(own(3), 5000));
        assert_ne!(third.say(&mut world, CLIENT, &three), three);
        let _ = of(&mut world, 1);
    }
}

#[test]
fn a_control_connection_that_is_opened_again_has_numbers_of_its_own() {
    for (inside, _, far) in families() {
        let mut world = world(|_| {});
        let parties = ((namespace(1), inside), far, (outside(), far));
        let line = eprt(at(inside, 5000));
        for _ in 0..2 {
            let mut control = open_control(&mut world, parties);
            assert_ne!(control.say(&mut world, CLIENT, &line), line);
            talk(&mut world, &mut control);
            control.finish(&mut world, CLIENT);
            control.finish(&mut world, SERVER);
            control.say(&mut world, CLIENT, "");
        }
        assert_eq!(world.flows().len(), 1);
    }
}

#[test]
fn what_was_begun_keeps_its_numbers_when_ftp_is_switched_off() {
    for (inside, _, far) in families() {
        let mut world = world(|_| {});
        let mut control = open_control(&mut world, ((namespace(1), inside), far, (outside(), far)));
        let line = eprt(at(inside, 5000));
        assert_ne!(control.say(&mut world, CLIENT, &line), line);

        let mut config = router(4);
        configure(&mut config);
        config.conntrack.ftp = false;
        world.routed().reconfigure(config).expect("a valid configuration");
        talk(&mut world, &mut control);
        assert_eq!(control.say(&mut world, CLIENT, &line), line, "nothing is announced any more");
    }
}

#[test]
fn beyond_the_limit_an_announcement_passes_as_it_is() {
    let (inside, _, far) = families()[0];
    let mut world = world(|_| {});
    let mut is_replaced = |port| {
        let (caller, server) = ((namespace(1), at(inside, port)), (outside(), at(far, 21)));
        let mut control = Connection::open(&mut world, caller, server.1, server)
            .expect("control connections may begin");
        let line = eprt(at(inside, port));
        control.say(&mut world, CLIENT, &line) != line
    };
    let last = 2000 + MAX_EXPECTATIONS as u16;
    assert!((2000..last).all(&mut is_replaced));
    assert!(!is_replaced(last));
}
