//! Which RSTs are believed (RFC 5961).

use super::*;

/// An open connection in which the client has sent 500 bytes and the server 1000, all acknowledged.
fn talking() -> Story {
    let mut story = Story::open();
    assert_eq!(story.client(data(1001, 5001, 500)), Established);
    assert_eq!(story.server(data(5001, 1501, 1000)), Established);
    assert_eq!(story.client(data(1501, 6001, 0)), Established);
    story
}

#[test]
fn a_rst_with_the_very_number_that_is_expected_closes() {
    let mut story = talking();
    assert_eq!(story.server(segment(RST, 6001, 0)), Established);
    assert_eq!((story.state(), story.remaining()), ("CLOSE", 10));
}

#[test]
fn a_rst_with_an_acknowledgment_closes_too() {
    let mut story = talking();
    assert_eq!(story.client(segment(RST | ACK, 1501, 6001)), Established);
    assert_eq!(story.state(), "CLOSE");
}

#[test]
fn a_rst_before_what_was_acknowledged_is_invalid() {
    let mut story = talking();
    let before = story.view();
    assert_eq!(story.server(segment(RST, 6000, 0)), Invalid);
    assert_eq!(story.server(segment(RST, 0, 0)), Invalid);
    assert_eq!(story.view(), before);
}

#[test]
fn a_rst_beyond_the_window_is_invalid() {
    let mut story = talking();
    let before = story.view();
    assert_eq!(story.server(segment(RST, 6001 + 2 * u32::from(WINDOW), 0)), Invalid);
    assert_eq!(story.view(), before);
}

#[test]
fn a_rst_somewhere_in_the_window_leaves_the_connection_open() {
    let mut story = talking();
    assert_eq!(story.server(segment(RST, 6500, 0)), Established);
    assert_eq!((story.state(), story.remaining()), ("ESTABLISHED", 10));
    assert_eq!(story.client(segment(ACK, 1501, 6001)), Established, "the challenge");
    assert_eq!((story.state(), story.remaining()), ("ESTABLISHED", 300));
}

#[test]
fn a_rst_right_behind_unacknowledged_data_closes() {
    let mut story = talking();
    assert_eq!(story.server(data(6001, 1501, 300)), Established);
    assert_eq!(story.server(segment(RST, 6301, 0)), Established);
    assert_eq!(story.state(), "CLOSE");
}

#[test]
fn a_rst_of_a_closing_connection_is_believed_whatever_its_number() {
    for steps in 1..=4 {
        let mut story = Story::closed(steps);
        assert_eq!(story.server(segment(RST, 123_456_789, 0)), Established);
        assert_eq!(story.state(), "CLOSE");
    }
}

#[test]
fn a_rst_that_answers_a_stray_syn_closes() {
    let mut story = talking();
    story.client(segment(SYN, 800_000, 0));
    assert_eq!(story.server(segment(RST | ACK, 0, 800_001)), Established);
    assert_eq!(story.state(), "CLOSE");
}

#[test]
fn a_rst_outside_the_window_is_not_believed_in_a_liberal_network_either() {
    let mut story = Story::open_with(|config| config.liberal = true);
    assert_eq!(story.client(data(1001, 5001, 0)), Established);
    assert_eq!(story.server(segment(RST, 4000, 0)), Invalid);
    assert_eq!(story.state(), "ESTABLISHED");
}

#[test]
fn whoever_resets_before_any_answer_leaves_no_flow() {
    let mut story = Story::new(6);
    story.client(segment(SYN, 1000, 0));
    assert_eq!(story.client(segment(RST, 1001, 0)), New);
    assert_eq!(story.view(), None);
}
