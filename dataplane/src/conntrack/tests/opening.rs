//! How connections begin.

use super::*;

#[test]
fn a_connection_opens_in_three_steps_and_is_assured_by_the_third() {
    let mut story = Story::new(6);
    assert_eq!(story.client(segment(SYN, 1000, 0)), New);
    assert_eq!((story.state(), story.remaining()), ("SYN_SENT", 120));
    assert_eq!(story.server(segment(SYN | ACK, 5000, 1001)), Established);
    assert_eq!((story.state(), story.remaining()), ("SYN_RECV", 60));
    assert!(!story.is_assured());
    assert_eq!(story.client(segment(ACK, 1001, 5001)), Established);
    assert_eq!((story.state(), story.remaining()), ("ESTABLISHED", 432_000));
    assert!(story.is_assured());
}

#[test]
fn both_sides_may_open_at_once() {
    let mut story = Story::new(6);
    story.client(segment(SYN, 1000, 0));
    assert_eq!(story.server(segment(SYN, 5000, 0)), Established);
    assert_eq!((story.state(), story.remaining()), ("SYN_SENT2", 120));
    assert_eq!(story.client(segment(SYN | ACK, 1000, 5001)), Established);
    assert_eq!(story.state(), "SYN_RECV");
    assert_eq!(story.client(segment(SYN | ACK, 1000, 5001)), Established, "repeated");
    assert_eq!(story.server(segment(ACK, 5001, 1001)), Established);
    assert_eq!(story.state(), "ESTABLISHED");
    assert!(story.is_assured());
}

#[test]
fn both_sides_may_open_at_once_and_both_answer() {
    let mut story = Story::new(6);
    story.client(segment(SYN, 1000, 0));
    story.server(segment(SYN, 5000, 0));
    assert_eq!(story.server(segment(SYN | ACK, 5000, 1001)), Established);
    assert_eq!(story.state(), "SYN_RECV");
    assert_eq!(story.client(segment(SYN | ACK, 1000, 5001)), Established);
    assert_eq!(story.client(segment(ACK, 1001, 5001)), Established);
    assert_eq!(story.state(), "ESTABLISHED");
}

#[test]
fn a_repeated_syn_passes_but_does_not_prolong_the_attempt() {
    let mut story = Story::new(6);
    story.client(segment(SYN, 1000, 0));
    story.wait(seconds(100));
    assert_eq!(story.client(segment(SYN, 1000, 0)), New);
    assert_eq!(story.remaining(), 20);
    assert_eq!(story.view().unwrap().packets, [2, 0]);
    story.wait(seconds(20));
    assert_eq!(story.view(), None);
    assert_eq!(story.client(segment(SYN, 1000, 0)), New, "a flow of its own");
}

#[test]
fn a_syn_with_higher_numbers_begins_the_attempt_anew() {
    let mut story = Story::new(6);
    story.client(segment(SYN, 1000, 0));
    assert_eq!(story.client(segment(SYN, 90_000_000, 0)), New);
    assert_eq!(story.server(segment(SYN | ACK, 5000, 1001)), Established, "too old");
    assert_eq!(story.state(), "SYN_SENT");
    assert_eq!(story.server(segment(SYN | ACK, 5000, 90_000_001)), Established);
    assert_eq!(story.client(segment(ACK, 90_000_001, 5001)), Established);
    assert_eq!(story.state(), "ESTABLISHED");
}

#[test]
fn an_attempt_that_is_refused_is_over_at_once() {
    let mut story = Story::new(6);
    story.client(segment(SYN, 1000, 0));
    assert_eq!(story.server(segment(RST | ACK, 0, 1001)), Established);
    assert_eq!(story.view(), None);
    assert_eq!(story.table.len(), 1, "until it is swept");
    assert_eq!(story.client(segment(SYN, 7000, 0)), New, "in its place");
    assert_eq!((story.table.len(), story.census.flows()), (1, 1));
}

#[test]
fn a_refusal_that_acknowledges_something_else_is_not_believed() {
    let mut story = Story::new(6);
    story.client(segment(SYN, 1000, 0));
    assert_eq!(story.server(segment(RST | ACK, 0, 2000)), Invalid);
    assert_eq!((story.state(), story.remaining()), ("SYN_SENT", 120));
}

#[test]
fn an_answer_that_acknowledges_more_than_was_sent_is_invalid_and_leaves_no_trace() {
    let mut story = Story::new(6);
    story.client(segment(SYN, 1000, 0));
    assert_eq!(story.server(segment(SYN | ACK, 9000, 1002)), Invalid);
    assert_eq!(story.view().unwrap().packets, [1, 0]);
    assert_eq!(story.server(segment(SYN | ACK, 5000, 1001)), Established);
    assert_eq!(story.client(segment(ACK, 1001, 5001)), Established);
}

#[test]
fn a_server_with_an_old_connection_asks_back_and_is_reset_and_the_next_syn_opens() {
    let mut story = Story::new(6);
    story.client(segment(SYN, 1000, 0));
    assert_eq!(story.server(segment(ACK, 70_000, 123_456)), Established, "of the old connection");
    assert_eq!(story.state(), "SYN_SENT");
    assert_eq!(story.client(segment(RST, 123_456, 0)), Established);
    assert_eq!((story.state(), story.remaining()), ("CLOSE", 10));
    assert_eq!(story.client(segment(SYN, 1000, 0)), New, "repeated");
    assert_eq!(story.state(), "SYN_SENT");
    assert_eq!(story.server(segment(SYN | ACK, 5000, 1001)), Established);
    assert_eq!(story.state(), "SYN_RECV");
}

#[test]
fn hosts_that_know_better_take_the_tracker_with_them() {
    let mut story = Story::open();
    assert_eq!(story.client(segment(SYN, 800_000, 0)), Established, "ignored");
    assert_eq!(story.state(), "ESTABLISHED");
    assert_eq!(story.server(segment(SYN | ACK, 900_000, 800_001)), Established, "but answered");
    assert_eq!(story.state(), "SYN_RECV");
    assert_eq!(story.client(segment(ACK, 800_001, 900_001)), Established);
    assert_eq!(story.state(), "ESTABLISHED");
    assert_eq!(story.server(data(900_001, 800_001, 1000)), Established);
    assert_eq!(story.server(data(5_000_001, 800_001, 1000)), Invalid);
}

#[test]
fn a_connection_is_picked_up_in_its_middle_if_that_is_allowed() {
    let mut story = Story::new(6);
    assert_eq!(story.client(data(777, 888, 100)), New);
    assert_eq!((story.state(), story.remaining()), ("ESTABLISHED", 300));
    assert!(!story.is_assured());
    assert_eq!(story.server(data(888, 877, 1000)), Established);
    assert_eq!(story.client(data(877, 1888, 0)), Established);
    assert_eq!((story.state(), story.remaining()), ("ESTABLISHED", 432_000));
    assert!(story.is_assured());
    assert_eq!(story.client(data(500_000, 1888, 10)), Established, "its windows are not known");

    let mut strict = Story::with(6, |config| config.loose = false);
    assert_eq!(strict.client(data(777, 888, 100)), Invalid);
    assert_eq!(strict.client(segment(SYN, 777, 0)), New);
}

#[test]
fn nothing_but_a_syn_or_an_ack_begins_a_connection() {
    for flags in [SYN | ACK, FIN | ACK, RST, RST | ACK, 0, FIN, SYN | FIN, SYN | RST] {
        assert_eq!(Story::new(6).client(segment(flags, 1, 1)), Invalid, "{flags:#x}");
    }
    let fragment = Packet { tcp: None, ..of_tcp(segment(SYN, 1, 0)) };
    assert_eq!(Story::new(6).packet(Original, &fragment), Invalid);
}
