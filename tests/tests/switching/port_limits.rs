//! How much may a port send and get?

use dataplane::config::PortLimits;
use dataplane::outcome::{DropReason, PortId};
use dataplane::wire::ethernet::MacAddr;
use std::num::NonZeroU64;
use std::time::Duration;
use udp_bridge_tests::counts::{dropped, received, sent};
use udp_bridge_tests::packets::{Kind, plain};
use udp_bridge_tests::world::{Setup, World, own_mac};

fn limited(port: u16, limit: impl FnOnce(&mut PortLimits)) -> World {
    Setup::of(3).port(port, |port| limit(&mut port.limits)).start()
}

fn sends(world: &World, from: u16, to: u16, frames: usize, length: usize) {
    (0..frames).for_each(|_| world.send(from, &plain(own_mac(to), own_mac(from), length)));
}

#[test]
fn what_a_namespace_sends_beyond_its_limit_dies_where_it_comes_in() {
    // 100 in a second, of which 10 may come at once.
    let mut world = limited(1, |limits| limits.packets_out = NonZeroU64::new(100));
    let expected = |passed| {
        [
            received(1, [60; 15]),
            sent(2, vec![60; passed]),
            dropped(1, DropReason::LimitPacketsOut, 15 - passed as u64),
        ]
    };
    world.moves(|world| sends(world, 1, 2, 15, 60), expected(10));
    world.wait(Duration::from_millis(30));
    world.moves(|world| sends(world, 1, 2, 15, 60), expected(3));
    // It hears what it heard, and others are free.
    world.moves(|world| sends(world, 2, 1, 15, 60), [received(2, [60; 15]), sent(1, [60; 15])]);
}

#[test]
fn what_goes_to_a_namespace_beyond_its_limit_dies_where_it_goes_out() {
    let mut world = limited(1, |limits| limits.bytes_in = NonZeroU64::new(100_000));
    world.moves(
        |world| sends(world, 0, 1, 15, 1000),
        [received(0, [1000; 15]), sent(1, [1000; 10]), dropped(1, DropReason::LimitBytesIn, 5)],
    );
    // A flood goes on to the others.
    world.moves(
        |world| world.send(0, &plain(MacAddr::BROADCAST, own_mac(0), 60)),
        [received(0, [60]), sent(2, [60]), dropped(1, DropReason::LimitBytesIn, 1)],
    );
    world.moves(|world| sends(world, 1, 0, 15, 60), [received(1, [60; 15]), sent(0, [60; 15])]);
}

#[test]
fn a_super_frame_counts_as_the_packets_that_it_stands_for() {
    for kind in Kind::ALL {
        // 10 segments; 100 packets may come at once, and a frame is not cut by a limit.
        let frame = kind.offloaded(own_mac(2), own_mac(1), &[1; 10_000], 1000);
        let length = frame.len() - 10;
        let mut world = limited(1, |limits| limits.packets_out = NonZeroU64::new(1000));
        world.moves(
            |world| (0..12).for_each(|_| world.send_raw(1, frame.clone())),
            [
                received(1, vec![length; 12]),
                sent(2, vec![length; 10]),
                dropped(1, DropReason::LimitPacketsOut, 2),
            ],
        );
        // Each segment has its headers.
        let bytes = (10_000 + 10 * kind.headers()) as u64;
        let mut world = limited(2, |limits| limits.bytes_in = NonZeroU64::new(bytes * 10 * 3));
        world.moves(
            |world| (0..5).for_each(|_| world.send_raw(1, frame.clone())),
            [
                received(1, vec![length; 5]),
                sent(2, vec![length; 3]),
                dropped(2, DropReason::LimitBytesIn, 2),
            ],
        );
    }
}

#[test]
fn a_frame_larger_than_the_bucket_passes_a_full_one_and_is_paid_for() {
    let frame = Kind::TcpV4.offloaded(own_mac(2), own_mac(1), &[1; 60_000], 1000);
    let length = frame.len() - 10;
    let mut world = limited(1, |limits| limits.packets_out = NonZeroU64::new(10));
    let passes = || [received(1, [length]), sent(2, [length])];
    let dies = [received(1, [length]), dropped(1, DropReason::LimitPacketsOut, 1)];
    world.moves(|world| world.send_raw(1, frame.clone()), passes());
    // 60 packets are six seconds' worth.
    world.wait(Duration::from_millis(5_900));
    world.moves(|world| world.send_raw(1, frame.clone()), dies);
    world.wait(Duration::from_millis(100));
    world.moves(|world| world.send_raw(1, frame.clone()), passes());
}

#[test]
fn a_limit_is_set_and_taken_away_between_two_frames() {
    let mut world = limited(1, |_| {});
    let limit = |world: &mut World, packets| {
        let limits = PortLimits { packets_out: NonZeroU64::new(packets), ..PortLimits::NONE };
        world.forwarder().pipeline_mut().limit(PortId(1), limits);
    };
    world.moves(|world| sends(world, 1, 2, 15, 60), [received(1, [60; 15]), sent(2, [60; 15])]);
    limit(&mut world, 100);
    world.moves(
        |world| sends(world, 1, 2, 15, 60),
        [received(1, [60; 15]), sent(2, [60; 10]), dropped(1, DropReason::LimitPacketsOut, 5)],
    );
    limit(&mut world, 0);
    world.moves(|world| sends(world, 1, 2, 15, 60), [received(1, [60; 15]), sent(2, [60; 15])]);
}

#[test]
fn a_frame_from_a_mac_that_is_not_its_own_takes_nothing_of_a_limit() {
    let setup = Setup::of(3).port(1, |port| {
        port.check_source = true;
        port.limits.packets_out = NonZeroU64::new(10);
    });
    let mut world = setup.start();
    world.moves(
        |world| (0..5).for_each(|_| world.send(1, &plain(own_mac(0), own_mac(2), 60))),
        [received(1, [60; 5]), dropped(1, DropReason::SourceCheck, 5)],
    );
    world.moves(|world| sends(world, 1, 0, 1, 60), [received(1, [60]), sent(0, [60])]);
}
