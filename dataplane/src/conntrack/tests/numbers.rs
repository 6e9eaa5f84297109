//! Which numbers fit the windows.

use super::*;

/// Repeats of one segment that do not shorten a connection's time yet.
const HARMLESS: u8 = tcp::MAX_REPETITIONS;

fn sack(sequence: u32, acknowledgment: u32, edge: u32) -> Segment {
    Segment { highest_sack: Some(edge), ..segment(ACK, sequence, acknowledgment) }
}

/// An open connection whose SYNs offered these.
fn offering(client: (Option<u8>, bool), server: (Option<u8>, bool), window: u16) -> Story {
    let mut story = Story::new(6);
    let with = |base: Segment, (window_scale, sack_permitted)| Segment {
        window_scale,
        sack_permitted,
        window,
        ..base
    };
    story.client(with(segment(SYN, 1000, 0), client));
    story.server(with(segment(SYN | ACK, 5000, 1001), server));
    story.client(Segment { window, ..segment(ACK, 1001, 5001) });
    story
}

#[test]
fn a_side_sends_what_the_other_one_allows() {
    let mut story = Story::open();
    assert_eq!(story.client(data(1001, 5001, 10_000)), Established);
    assert_eq!(story.client(data(11_001, 5001, 0)), Established, "at its edge");
    assert_eq!(story.client(data(11_002, 5001, 0)), Established, "a little beyond: no change");
    let before = story.view();
    assert_eq!(story.client(data(30_000, 5001, 10)), Invalid);
    assert_eq!(story.view(), before);
    assert_eq!(story.server(data(5001, 11_001, 0)), Established, "more is allowed now");
    assert_eq!(story.client(data(11_002, 5001, 1000)), Established);
}

#[test]
fn what_oversteps_the_window_may_be_acknowledged_all_the_same() {
    let mut story = Story::open();
    assert_eq!(story.client(data(1001, 5001, 10_000)), Established);
    assert_eq!(story.client(data(11_002, 5001, 500)), Established);
    assert_eq!(story.server(data(5001, 11_502, 0)), Established);
}

#[test]
fn nobody_acknowledges_what_was_not_sent() {
    let mut story = Story::open();
    story.client(data(1001, 5001, 100));
    let before = story.view();
    assert_eq!(story.server(data(5001, 1102, 0)), Invalid);
    assert_eq!(story.view(), before);
    assert_eq!(story.server(data(5001, 1101, 0)), Established);
}

#[test]
fn what_was_acknowledged_long_ago_passes_without_effect() {
    let mut story = Story::open();
    for n in 0..30 {
        assert_eq!(story.client(data(1001 + n * 9000, 5001, 9000)), Established);
        assert_eq!(story.server(data(5001, 1001 + (n + 1) * 9000, 0)), Established);
    }
    story.wait(seconds(50));
    let remaining = story.remaining();
    assert_eq!(story.client(data(1001, 5001, 9000)), Established, "old data");
    assert_eq!(story.server(data(5001, 1001, 0)), Established, "an old acknowledgment");
    assert_eq!(story.remaining(), remaining, "and the flow's time is not renewed");
    assert_eq!(story.server(data(5001, 1001 + 30 * 9000 - 66_000, 0)), Established);
    assert_eq!(story.remaining(), 432_000, "which one that is 66000 behind does");
}

#[test]
fn windows_are_scaled_if_both_sides_offer_it() {
    let far = 1001 + 60_000 * 4;
    let mut scaled = offering((Some(3), false), (Some(2), false), 60_000);
    assert_eq!(scaled.server(Segment { window: 60_000, ..data(5001, 1001, 0) }), Established);
    assert_eq!(scaled.client(data(far, 5001, 0)), Established);
    assert_eq!(scaled.client(data(far + 400_000, 5001, 0)), Invalid);

    for offers in [(Some(3), None), (None, Some(3)), (None, None)] {
        let mut plain = offering((offers.0, false), (offers.1, false), 60_000);
        assert_eq!(plain.server(Segment { window: 60_000, ..data(5001, 1001, 0) }), Established);
        assert_eq!(plain.client(data(far, 5001, 0)), Invalid);
    }
}

#[test]
fn the_highest_scale_leaves_room_for_a_gigabyte() {
    let mut story = offering((Some(14), false), (Some(14), false), u16::MAX);
    assert_eq!(story.server(Segment { window: u16::MAX, ..data(5001, 1001, 0) }), Established);
    assert_eq!(story.client(data(1001 + (65_535 << 14), 5001, 0)), Established);
}

#[test]
fn a_selective_acknowledgment_of_what_was_not_sent_is_invalid() {
    let mut story = offering((None, true), (None, true), WINDOW);
    assert_eq!(story.client(data(1001, 5001, 3000)), Established);
    assert_eq!(story.server(sack(5001, 2001, 4001)), Established);
    assert_eq!(story.server(sack(5001, 2001, 4002)), Invalid);
}

#[test]
fn a_selective_acknowledgment_is_not_read_if_it_was_not_offered() {
    let mut story = Story::open();
    assert_eq!(story.client(data(1001, 5001, 3000)), Established);
    assert_eq!(story.server(sack(5001, 2001, 400_000)), Established);
}

#[test]
fn a_liberal_network_lets_everything_but_resets_pass() {
    let mut story = Story::open_with(|config| config.liberal = true);
    assert_eq!(story.client(data(900_000, 5001, 100)), Established);
    assert_eq!(story.server(data(5001, 123_456_789, 100)), Established);
    assert_eq!(story.state(), "ESTABLISHED");
}

#[test]
fn a_fragment_counts_and_ends_the_judging_of_windows() {
    let mut story = Story::open();
    let fragment = Packet { tcp: None, ..of_tcp(data(1001, 5001, 8000)) };
    assert_eq!(story.packet(Original, &fragment), Established);
    assert_eq!(story.view().unwrap().packets, [3, 1]);
    assert_eq!(story.client(data(300_001, 5001, 10)), Established);
    assert_eq!(story.server(data(5001, 300_011, 0)), Established);
}

#[test]
fn what_is_not_acknowledged_shortens_the_time() {
    let mut story = Story::open();
    assert_eq!(story.remaining(), 432_000);
    story.client(data(1001, 5001, 100));
    assert_eq!(story.remaining(), 300);
    story.server(data(5001, 1101, 0));
    assert_eq!(story.remaining(), 432_000);
}

#[test]
fn repeating_the_same_without_an_answer_shortens_the_time() {
    let mut story = Story::open();
    for n in 0..=HARMLESS {
        assert_eq!(story.client(data(1000, 5001, 0)), Established, "a keepalive");
        let expected = if n < HARMLESS { 432_000 } else { 300 };
        assert_eq!(story.remaining(), expected, "sent {n} times again");
    }
    assert_eq!(story.server(data(5001, 1001, 0)), Established);
    assert_eq!(story.remaining(), 432_000);
}

#[test]
fn a_closed_window_shortens_the_time_and_may_be_probed() {
    let mut story = Story::open();
    assert_eq!(story.server(Segment { window: 0, ..data(5001, 1001, 0) }), Established);
    assert_eq!(story.remaining(), 300);
    assert_eq!(story.client(data(1001, 5001, 1)), Established);
}

#[test]
fn numbers_go_round() {
    let mut story = Story::new(6);
    let start = u32::MAX - 5000;
    story.client(segment(SYN, start, 0));
    story.server(segment(SYN | ACK, start, start + 1));
    story.client(segment(ACK, start + 1, start + 1));
    for n in 0..100 {
        let [from, to] = [n, n + 1].map(|n: u32| start.wrapping_add(1 + n * 1000));
        assert_eq!(story.client(data(from, start + 1, 1000)), Established);
        assert_eq!(story.server(data(start + 1, to, 0)), Established);
    }
    assert_eq!(story.view().unwrap().packets, [102, 101]);
}
