//! How long flows live, and which states their packets have.

use super::*;
use crate::config::Timeouts;
use crate::wire::icmp::Kind;
use std::net::Ipv6Addr;

const REQUEST: Packet = Packet { protocol: 1, length: 84, icmp: Some(Kind::Request), tcp: None };
const ANSWER: Packet = Packet { icmp: Some(Kind::Reply(8)), ..REQUEST };

/// Asserts that the story's flow lives exactly so long.
fn assert_lives(mut story: Story, expected: Duration, what: &str) {
    story.wait(expected - Duration::from_millis(100));
    assert!(story.view().is_some(), "{what} ends before {expected:?}");
    story.wait(Duration::from_millis(100));
    assert!(story.view().is_none(), "{what} lives beyond {expected:?}");
}

/// A story told under these timeouts.
fn told(timeouts: Timeouts, protocol: u8, packets: &[(Direction, Packet)]) -> Story {
    let mut story = Story::with(protocol, |config| config.timeouts = timeouts);
    for (direction, packet) in packets {
        assert_ne!(story.packet(*direction, packet), Invalid);
    }
    story
}

#[test]
fn flows_live_as_long_as_the_table_of_timeouts_says() {
    let way = [
        (Original, of_tcp(segment(SYN, 1000, 0))),
        (Reply, of_tcp(segment(SYN | ACK, 5000, 1001))),
        (Original, of_tcp(segment(ACK, 1001, 5001))),
        (Original, of_tcp(segment(FIN | ACK, 1001, 5001))),
        (Reply, of_tcp(segment(ACK, 5001, 1002))),
        (Reply, of_tcp(segment(FIN | ACK, 5001, 1002))),
        (Original, of_tcp(segment(ACK, 1002, 5002))),
        (Original, of_tcp(segment(RST, 1002, 0))),
    ];
    let simultaneous = [way[0], (Reply, of_tcp(segment(SYN, 5000, 0)))];
    for t in [Timeouts::LINUX, Timeouts::RFC] {
        let by_state = [
            t.tcp_syn_sent,
            t.tcp_syn_recv,
            t.tcp_established,
            t.tcp_fin_wait,
            t.tcp_close_wait,
            t.tcp_last_ack,
            t.tcp_time_wait,
            t.tcp_close,
        ];
        for (n, expected) in by_state.into_iter().enumerate() {
            assert_lives(told(t, 6, &way[..=n]), expected, &format!("TCP after {} packets", n + 1));
        }
        assert_lives(told(t, 6, &simultaneous), t.tcp_syn_sent, "TCP, both opening");
        let unacknowledged = [&way[..3], &[(Original, of_tcp(data(1001, 5001, 9)))]].concat();
        assert_lives(told(t, 6, &unacknowledged), t.tcp_unacknowledged, "TCP, unacknowledged");
        let repeated = [&way[..3], &[(Original, of_tcp(data(1000, 5001, 0))); 4]].concat();
        assert_lives(told(t, 6, &repeated), t.tcp_max_retrans, "TCP, repeated");

        let udp = [(Original, plain(17)), (Reply, plain(17))];
        assert_lives(told(t, 17, &udp[..1]), t.udp, "UDP");
        assert_lives(told(t, 17, &udp), t.udp, "UDP that is answered at once");
        let mut stream = told(t, 17, &udp);
        stream.wait(Duration::from_millis(2100));
        assert_eq!(stream.packet(Original, &plain(17)), Established);
        assert_lives(stream, t.udp_stream, "a stream of UDP");
        assert_lives(told(t, 1, &[(Original, REQUEST), (Reply, ANSWER)]), t.icmp, "ICMP");
        assert_lives(told(t, 47, &[(Original, plain(47))]), t.generic, "GRE");
    }
}

#[test]
fn each_packet_prolongs_its_flow() {
    let mut story = told(Timeouts::LINUX, 17, &[(Original, plain(17))]);
    for _ in 0..10 {
        story.wait(seconds(29));
        assert_eq!(story.packet(Original, &plain(17)), New);
    }
    story.wait(seconds(30));
    assert_eq!(story.view(), None);
}

#[test]
fn udp_is_new_until_it_is_answered_and_assured_after_two_seconds() {
    let mut story = Story::new(17);
    assert_eq!(story.packet(Original, &plain(17)), New);
    assert_eq!(story.packet(Original, &plain(17)), New);
    assert_eq!(story.packet(Reply, &plain(17)), Established);
    assert_eq!(story.packet(Original, &plain(17)), Established);
    assert!(!story.is_assured());
    story.wait(seconds(2));
    assert_eq!(story.packet(Reply, &plain(17)), Established);
    assert!(!story.is_assured(), "not older than two seconds");
    story.wait(Duration::from_millis(100));
    assert_eq!(story.packet(Reply, &plain(17)), Established);
    assert!(story.is_assured());
}

#[test]
fn an_announced_flow_is_related_until_it_is_answered() {
    let mut story = Story::new(17);
    let new = NewFlow { related: true, ..flow(tuple(40_000, 80, 17), 0) };
    story.table.insert(new, &plain(17), &mut story.census, story.now).unwrap();
    assert_eq!(story.packet(Original, &plain(17)), FlowState::Related);
    assert_eq!(story.packet(Reply, &plain(17)), Established);
    assert_eq!(story.packet(Original, &plain(17)), Established);
}

#[test]
fn only_requests_of_icmp_begin_a_flow() {
    let mut story = Story::new(1);
    assert_eq!(story.table.judge_new(&ANSWER), Err(DropReason::CtInvalid));
    assert_eq!(story.packet(Original, &ANSWER), Invalid);
    assert_eq!(story.packet(Original, &REQUEST), New);
    assert_eq!(story.packet(Reply, &ANSWER), Established);
    assert_eq!(story.packet(Reply, &REQUEST), Invalid, "an identifier that looks like a type");
    assert!(!story.is_assured());
}

#[test]
fn packets_and_bytes_are_counted_each_way() {
    let mut story = Story::new(17);
    for (direction, length) in [(Original, 28), (Original, 65_535), (Reply, 1500)] {
        story.packet(direction, &Packet { length, ..plain(17) });
    }
    let view = story.view().unwrap();
    assert_eq!((view.packets, view.bytes), ([2, 1], [65_563, 1500]));
    assert_eq!((view.unreplied, view.owner, view.protocol), (false, OWNER, 17));
    assert_eq!((view.original.2, view.reply.2, view.tcp_state), (40_000, 80, None));
}

#[test]
fn icmpv6_has_its_own_timeout() {
    let config = ConntrackConfig {
        timeouts: Timeouts { icmpv6: seconds(44), ..Timeouts::LINUX },
        ..ConntrackConfig::default()
    };
    let mut table = Conntrack::<Ipv6Addr, ()>::new(&config);
    let mut census = Census::new(&config, 1);
    let original = Tuple {
        source: Ipv6Addr::LOCALHOST,
        destination: Ipv6Addr::UNSPECIFIED,
        source_port: 1,
        destination_port: 128,
        protocol: 58,
    };
    let (reply, owner) = (original.inverted(), PortId(0));
    let new = NewFlow { original, reply, owner, related: false, extra: () };
    let packet = Packet { protocol: 58, ..REQUEST };
    table.insert(new, &packet, &mut census, Time::START).unwrap();
    let (view, _) = table.views(0, 1, Time::START);
    assert_eq!(view.map(|view| view.remaining).collect::<Vec<_>>(), [seconds(44)]);
}

#[test]
fn new_timeouts_hold_from_the_next_packet_on() {
    let mut story = told(Timeouts::LINUX, 17, &[(Original, plain(17))]);
    let timeouts = Timeouts { udp: seconds(5), ..Timeouts::LINUX };
    story.table.configure(&ConntrackConfig { timeouts, ..ConntrackConfig::default() });
    assert_eq!(story.remaining(), 30);
    story.packet(Original, &plain(17));
    assert_eq!(story.remaining(), 5);
}
