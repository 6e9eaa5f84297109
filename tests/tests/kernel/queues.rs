//! Several queues of one TAP: by which does the kernel hand us what?

use super::wire::{MACS, V4, tap_of};
use dataplane::frame::{FrameBuffer, Offloads, with_plain_header};
use dataplane::outcome::QueueId;
use dataplane::port::tap::{Tap, TapError};
use dataplane::port::{Port, Received};
use netlink_packet_route::link::LinkAttribute;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{setsockopt, sockopt::Ipv4RecvErr};
use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::{Host, wait};
use udp_bridge_tests::talk::{Tcp, hear, tcp};

const QUEUES: usize = 4;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_flow_comes_by_the_queue_that_its_other_direction_was_written_by", steered);
    suite.add("what_nobody_has_written_comes_by_its_hash", hashed);
    suite.add("a_tap_of_several_queues_is_one_device", one_device);
    suite.add("who_sends_into_a_full_ring_is_told_if_nothing_queues_before_it", told_when_full);
}

fn queues() -> impl Iterator<Item = QueueId> {
    (0..QUEUES as u8).map(QueueId)
}

/// The next TCP segment, and by which queue it comes.
fn next(tap: &mut Tap) -> (QueueId, Vec<u8>) {
    let mut buffer = FrameBuffer::new();
    wait::for_some("a segment", || {
        queues().find_map(|queue| match tap.receive_by(queue, &mut buffer) {
            Received::Frame(length) => {
                let frame = &buffer.filled(length)[10..];
                (frame.get(23) == Some(&6)).then(|| (queue, frame.to_vec()))
            }
            _ => None,
        })
    })
}

/// A SYN from the other end to a port of end 0 where nobody listens.
fn syn(from: u16) -> Vec<u8> {
    let at = |end: usize, port| SocketAddr::new(V4[end].into(), port);
    let says = Tcp { flags: "S", ..Tcp::default() };
    with_plain_header(&tcp((MACS[0], MACS[1]), at(1, from), at(0, 9), says))
}

fn steered(_: &Host) {
    let mut tap = tap_of("t0", 0, Offloads::NONE, QUEUES);
    assert_eq!(tap.queues(), QUEUES);
    for from in 1000..1032 {
        // Another one than last time too.
        for queue in queues().chain(queues()) {
            // What is answered within the write goes by what was there before.
            tap.send_by(queue, &syn(from)).unwrap();
            next(&mut tap);
            tap.send_by(queue, &syn(from)).unwrap();
            let (by, refused) = next(&mut tap);
            assert_eq!((by, hear(&refused).to.port()), (queue, from));
        }
    }
}

fn hashed(_: &Host) {
    // Nothing is ever written to it.
    let mut tap = tap_of("t0", 0, Offloads::NONE, QUEUES);
    let come = |from: u16, tap: &mut Tap| {
        let local = SocketAddr::new(V4[0].into(), from);
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.bind(&local.into()).unwrap();
        let _ = socket.connect(&SocketAddr::new(V4[1].into(), 9).into());
        next(tap).0
    };
    let first: Vec<_> = (2000..2040).map(|from| come(from, &mut tap)).collect();
    let again: Vec<_> = (2000..2040).map(|from| come(from, &mut tap)).collect();
    assert_eq!(first, again, "a flow has one queue");
    assert!(first.into_iter().collect::<HashSet<_>>().len() > 1, "and not all the same");
}

fn told_when_full(_: &Host) {
    const ROOM: usize = 10;
    let _tap = tap_of("t0", 0, Offloads::NONE, 1);
    let rtnl = Rtnl::open();
    rtnl.set("t0", LinkAttribute::TxQueueLen(ROOM as u32));
    let socket = UdpSocket::bind((V4[0], 0)).unwrap();
    setsockopt(&socket, Ipv4RecvErr, &true).unwrap();
    let sends = || socket.send_to(b"one more", (V4[1], 9)).map_err(|error| error.raw_os_error());
    let sent: Vec<_> = (0..2 * ROOM).map(|_| sends()).collect();
    assert!(sent.iter().all(Result::is_ok), "a discipline hides it: {sent:?}");
    rtnl.drop_queueing("t0");
    assert_eq!(sends(), Err(Some(Errno::ENOBUFS as i32)), "the ring has been full for long");
}

fn one_device(_: &Host) {
    let tap = Tap::open_queues("t0", Offloads::ALL, QUEUES).unwrap();
    let all: HashSet<_> = queues().map(|queue| tap.fd_of(queue)).collect();
    assert_eq!(all.len(), QUEUES);
    for beyond in [QueueId(QUEUES as u8), QueueId(u8::MAX)] {
        assert_eq!(tap.fd_of(beyond), tap.fd(), "there are no more");
    }
    for queues in [1, 2] {
        let refused = Tap::open_queues("t0", Offloads::ALL, queues);
        assert!(matches!(refused, Err(TapError::Interface { .. })), "{refused:?}");
    }
    let twin = tap.twin().unwrap();
    drop(tap);
    assert!(if_nametoindex("t0").is_ok(), "a twin has it");
    drop(twin);
    assert!(if_nametoindex("t0").is_err());
    let most = Tap::open_queues("t0", Offloads::ALL, 256).unwrap();
    assert_eq!(most.queues(), 256);
    drop(most);
    let refused = Tap::open_queues("t0", Offloads::ALL, 257);
    assert!(matches!(refused, Err(TapError::Interface { .. })), "{refused:?}");
}
