//! What may one port cost the others? Learning limits and storm control.

use dataplane::config::StormLimit;
use dataplane::outcome::DropReason;
use dataplane::wire::ethernet::MacAddr;
use std::time::Duration;
use udp_bridge_tests::counts::{dropped, evicted, received, sent};
use udp_bridge_tests::packets::plain;
use udp_bridge_tests::world::{Setup, World, own_mac, strange_mac};

/// Stranger `n` speaks from behind `port`, to port 0.
fn speaks(world: &World, port: u16, n: u32) {
    world.send(port, &plain(own_mac(0), strange_mac(n), 60));
}

fn limited(frames_per_second: u64, bytes_per_second: u64) -> World {
    let limit = StormLimit { frames_per_second, bytes_per_second };
    Setup::of(3).switch(|switch| switch.storm = Some(limit)).start()
}

fn floods(world: &mut World, frames: usize, length: usize) {
    for _ in 0..frames {
        world.send(1, &plain(MacAddr::BROADCAST, own_mac(1), length));
    }
}

#[test]
fn a_port_beyond_its_share_loses_its_own_oldest() {
    let mut world = Setup::of(3).switch(|switch| switch.fdb_port_limit = 4).start();
    world.moves(|world| speaks(world, 2, 100), [received(2, [60]), sent(0, [60])]);
    world.moves(
        |world| (1..=6).for_each(|n| speaks(world, 1, n)),
        [received(1, [60; 6]), sent(0, [60; 6]), evicted(1, 2)],
    );
    let homes: Vec<_> = (1..=6).map(|n| world.home_of(strange_mac(n))).collect();
    assert_eq!(homes, [None, None, Some(1), Some(1), Some(1), Some(1)]);
    assert_eq!(world.home_of(strange_mac(100)), Some(2));
}

#[test]
fn in_a_full_table_the_flooding_port_makes_room_and_not_the_quiet_one() {
    for (quiet, flooding) in [(1, 2), (2, 1)] {
        let mut world = Setup::of(3).switch(|switch| switch.fdb_capacity = 3 + 20).start();
        world.moves(
            |world| (1..=5).for_each(|n| speaks(world, quiet, n)),
            [received(quiet, [60; 5]), sent(0, [60; 5])],
        );
        world.moves(
            |world| (1000..1500).for_each(|n| speaks(world, flooding, n)),
            [received(flooding, [60; 500]), sent(0, [60; 500]), evicted(flooding, 485)],
        );
        assert_eq!(world.fdb().len(), 23);
        assert!((1..=5).all(|n| world.home_of(strange_mac(n)) == Some(quiet)));
        // The quiet one still learns, at the cost of the one that has most.
        world.moves(
            |world| speaks(world, quiet, 6),
            [received(quiet, [60]), sent(0, [60]), evicted(flooding, 1)],
        );
        assert_eq!(world.home_of(strange_mac(6)), Some(quiet));
    }
}

#[test]
fn an_entry_that_was_lost_counts_though_the_frame_that_took_its_place_dies() {
    let mut world = Setup::of(3).switch(|switch| switch.fdb_port_limit = 1).start();
    world.moves(|world| speaks(world, 1, 1), [received(1, [60]), sent(0, [60])]);
    world.moves(
        |world| world.send(1, &plain(own_mac(1), strange_mac(2), 60)),
        [received(1, [60]), dropped(1, DropReason::SamePort, 1), evicted(1, 1)],
    );
}

#[test]
fn more_flooded_frames_than_the_limit_die_until_the_bucket_fills_again() {
    // 100 in a second, of which 10 may come at once.
    let mut world = limited(100, 1 << 30);
    let heard = |frames| [sent(0, vec![60; frames]), sent(2, vec![60; frames])];
    let died = |frames| [received(1, [60; 15]), dropped(1, DropReason::StormFrames, frames)];
    world.moves(|world| floods(world, 15, 60), heard(10).into_iter().chain(died(5)));
    world.wait(Duration::from_millis(30));
    world.moves(|world| floods(world, 15, 60), heard(3).into_iter().chain(died(12)));
    world.wait(Duration::from_secs(60));
    world.moves(|world| floods(world, 15, 60), heard(10).into_iter().chain(died(5)));
}

#[test]
fn flooded_bytes_count_once_for_each_port_that_hears_them() {
    // 10,000 bytes at once; a frame of 1,000 to two ports takes 2,000 of them.
    let mut world = limited(1_000_000, 100_000);
    world.moves(
        |world| floods(world, 7, 1000),
        [
            received(1, [1000; 7]),
            sent(0, [1000; 5]),
            sent(2, [1000; 5]),
            dropped(1, DropReason::StormBytes, 2),
        ],
    );
    world.wait(Duration::from_millis(20));
    world.moves(
        |world| floods(world, 2, 1000),
        [
            received(1, [1000; 2]),
            sent(0, [1000]),
            sent(2, [1000]),
            dropped(1, DropReason::StormBytes, 1),
        ],
    );
}

#[test]
fn storm_control_of_one_port_leaves_its_unicast_and_the_other_ports_alone() {
    let mut world = limited(10, 1 << 30);
    world.moves(
        |world| floods(world, 3, 60),
        [
            received(1, [60; 3]),
            sent(0, [60]),
            sent(2, [60]),
            dropped(1, DropReason::StormFrames, 2),
        ],
    );
    world.moves(
        |world| (0..50).for_each(|_| world.send(1, &plain(own_mac(2), own_mac(1), 60))),
        [received(1, [60; 50]), sent(2, [60; 50])],
    );
    world.moves(
        |world| world.send(2, &plain(MacAddr::BROADCAST, own_mac(2), 60)),
        [received(2, [60]), sent(0, [60]), sent(1, [60])],
    );
}
