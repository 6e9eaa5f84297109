//! How connections end in order, and begin again.

use super::*;

#[test]
fn each_step_of_an_orderly_end_has_its_state_and_time() {
    let expected = [
        ("ESTABLISHED", 432_000),
        ("FIN_WAIT", 120),
        ("CLOSE_WAIT", 60),
        ("LAST_ACK", 30),
        ("TIME_WAIT", 120),
    ];
    for (steps, expected) in expected.into_iter().enumerate() {
        let story = Story::closed(steps);
        assert_eq!((story.state(), story.remaining()), expected, "after {steps} steps");
    }
}

#[test]
fn the_server_may_end_first() {
    let mut story = Story::open();
    story.server(segment(FIN | ACK, 5001, 1001));
    assert_eq!(story.state(), "FIN_WAIT");
    story.client(segment(ACK, 1001, 5002));
    assert_eq!(story.state(), "CLOSE_WAIT");
    story.client(segment(FIN | ACK, 1001, 5002));
    assert_eq!(story.state(), "LAST_ACK");
    story.server(segment(ACK, 5002, 1002));
    assert_eq!(story.state(), "TIME_WAIT");
}

#[test]
fn both_may_end_at_once() {
    let mut story = Story::open();
    story.client(segment(FIN | ACK, 1001, 5001));
    story.server(segment(FIN | ACK, 5001, 1001));
    assert_eq!(story.state(), "LAST_ACK");
    assert_eq!(story.client(segment(ACK, 1002, 5002)), Established);
    assert_eq!(story.server(segment(ACK, 5002, 1002)), Established);
    assert_eq!(story.state(), "TIME_WAIT");
}

#[test]
fn data_goes_on_after_one_side_has_ended() {
    let mut story = Story::closed(2);
    for n in 0..5 {
        assert_eq!(story.server(data(5001 + n * 1000, 1002, 1000)), Established);
        assert_eq!(story.client(data(1002, 6001 + n * 1000, 0)), Established);
    }
    assert_eq!(story.state(), "CLOSE_WAIT");
}

#[test]
fn a_client_may_open_again_after_the_end_and_the_flow_begins_anew() {
    let mut story = Story::closed(4);
    let hit = story.table.find(&tuple(40_000, 80, 6), story.now).unwrap();
    story.table.get_mut(hit.id).unwrap().set_marks(9);
    assert_eq!(story.client(segment(SYN, 77_000, 0)), New);
    assert_eq!((story.state(), story.remaining()), ("SYN_SENT", 120));
    let view = story.view().unwrap();
    assert_eq!((view.packets, view.assured, view.unreplied), ([1, 0], false, true));
    assert_eq!(story.table.get(hit.id).unwrap().marks(), 0);
    assert_eq!(story.server(segment(SYN | ACK, 88_000, 77_001)), Established);
    assert_eq!(story.client(segment(ACK, 77_001, 88_001)), Established);
    assert_eq!((story.state(), story.table.len()), ("ESTABLISHED", 1));
}

#[test]
fn a_client_may_open_again_after_it_reset() {
    let mut story = Story::reset();
    assert_eq!((story.state(), story.remaining()), ("CLOSE", 10));
    assert_eq!(story.client(segment(SYN, 77_000, 0)), New);
    assert_eq!(story.state(), "SYN_SENT");
}

#[test]
fn a_syn_after_the_other_side_reset_is_let_through_and_believed_if_it_is_answered() {
    let mut story = Story::open();
    assert_eq!(story.server(segment(RST, 5001, 0)), Established);
    assert_eq!(story.client(segment(SYN, 77_000, 0)), Established);
    assert_eq!(story.state(), "CLOSE");
    assert_eq!(story.server(segment(SYN | ACK, 88_000, 77_001)), Established);
    assert_eq!(story.state(), "SYN_RECV");
}

#[test]
fn a_syn_of_the_server_after_the_end_makes_room_for_its_own_connection() {
    let mut story = Story::closed(4);
    assert_eq!(story.server(segment(SYN, 88_000, 0)), Invalid);
    assert_eq!(story.view(), None);
    assert_eq!(story.server(segment(SYN, 88_000, 0)), New, "repeated");
    assert_eq!(story.view().unwrap().original.0, std::net::IpAddr::V4(SERVER));
    assert_eq!(story.table.len(), 1);
}

#[test]
fn the_answer_to_a_stray_syn_is_not_taken_for_the_last_ack() {
    let mut story = Story::closed(3);
    assert_eq!(story.state(), "LAST_ACK");
    assert_eq!(story.client(segment(SYN, 77_000, 0)), Established, "ignored");
    assert_eq!(story.server(segment(ACK, 5002, 1002)), Established, "a challenge (RFC 5961)");
    assert_eq!(story.state(), "LAST_ACK");
    assert_eq!(story.client(segment(ACK, 1002, 5002)), Established);
    assert_eq!(story.state(), "TIME_WAIT");
}

#[test]
fn a_syn_of_the_server_in_an_open_connection_is_invalid() {
    let mut story = Story::open();
    let before = story.view();
    assert_eq!(story.server(segment(SYN, 5001, 0)), Invalid);
    assert_eq!(story.view(), before);
}
