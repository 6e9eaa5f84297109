//! Moves between namespaces, interfaces going down, devices going away.

use super::wire::{MACS, V4, read_protocol, tap};
use dataplane::frame::{FrameBuffer, Offloads, with_plain_header};
use dataplane::outcome::DropReason;
use dataplane::port::tap::{Tap, TapError};
use dataplane::port::{Port, Received};
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::net::if_::if_nametoindex;
use std::fs::File;
use std::net::UdpSocket;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::rtnl::Rtnl;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_tap_is_gone_when_it_is_closed", not_persistent);
    suite.add("a_tap_belongs_to_the_namespace_of_the_thread_that_opens_it", opened_where_we_are);
    suite.add("a_tap_moved_to_another_namespace_keeps_working", moved);
    suite.add("a_name_in_use_is_refused", name_in_use);
    suite.add("a_tap_that_came_from_elsewhere_is_gone_with_its_namespace", gone_with_namespace);
    suite.add("a_tap_keeps_the_namespace_in_which_it_was_opened_alive", keeps_its_birthplace);
    suite.add("a_tap_is_gone_with_its_interface", gone_with_interface);
    suite.add("an_interface_that_is_down_is_not_gone", down_and_up);
}

/// Any frame from end 1 to end 0.
fn any_frame() -> Vec<u8> {
    let mut frame = [&MACS[0].0[..], &MACS[1].0[..], &[0x88, 0xb5]].concat();
    frame.resize(60, 0);
    with_plain_header(&frame)
}

fn not_persistent(_: &Host) {
    let tap = Tap::open("t0", Offloads::ALL).unwrap();
    assert!(if_nametoindex("t0").is_ok());
    drop(tap);
    wait::for_yes("the interface is gone", || if_nametoindex("t0").is_err());
}

fn opened_where_we_are(host: &Host) {
    host.add_netns("ns");
    let _tap = host.visit("ns", || Tap::open("t0", Offloads::ALL).unwrap());
    assert!(if_nametoindex("t0").is_err());
    host.visit("ns", || assert!(if_nametoindex("t0").is_ok()));
}

fn moved(host: &Host) {
    host.add_netns("ns");
    let mut tap = Tap::open("t0", Offloads::ALL).unwrap();
    Rtnl::open().move_to("t0", &File::open(host.netns("ns")).unwrap());
    assert!(if_nametoindex("t0").is_err());
    host.visit("ns", || {
        let rtnl = Rtnl::open();
        rtnl.set_mac("t0", MACS[0]);
        rtnl.add_address("t0", V4[0], 24);
        rtnl.up("t0");
        rtnl.add_neighbour("t0", V4[1], MACS[1]);
        UdpSocket::bind((V4[0], 0)).unwrap().send_to(b"from afar", (V4[1], 9)).unwrap();
    });
    assert!(read_protocol(&mut tap, 17).frame.ends_with(b"from afar"));
    assert_eq!(tap.send(&any_frame()), Ok(()));
    assert_eq!(tap.offloads(), Offloads::ALL);
}

fn name_in_use(_: &Host) {
    let _tap = Tap::open("t0", Offloads::ALL).unwrap();
    for taken in ["lo", "t0"] {
        let refused = Tap::open(taken, Offloads::ALL);
        assert!(matches!(refused, Err(TapError::Interface { .. })), "{refused:?}");
    }
}

/// The poller says so, and both directions do: EBADFD, which is the end of one port, not of us.
fn assert_gone(mut tap: Tap) {
    let mut buffer = FrameBuffer::new();
    // A namespace dies some time after its last name is gone.
    wait::for_yes("the port is gone", || tap.receive(&mut buffer) == Received::Gone);
    assert_eq!(tap.send(&any_frame()), Err(DropReason::EgressGone));
    assert!(reports_error(&tap));
}

/// Opened in `birthplace` and moved to `ns` as eth0.
fn moved_tap(host: &Host, birthplace: &str) -> Tap {
    for name in [birthplace, "ns"] {
        host.add_netns(name);
    }
    let ns = File::open(host.netns("ns")).unwrap();
    let mut tap = host.visit(birthplace, || {
        let tap = Tap::open("eth0", Offloads::ALL).unwrap();
        Rtnl::open().move_to("eth0", &ns);
        tap
    });
    host.visit("ns", || Rtnl::open().up("eth0"));
    assert_eq!(tap.send(&any_frame()), Ok(()));
    tap
}

fn gone_with_namespace(host: &Host) {
    let tap = moved_tap(host, "birthplace");
    host.remove_netns("ns");
    assert_gone(tap);
}

/// The socket inside the descriptor holds the namespace of whoever opened it (`tun_chr_open`). So a
/// TAP that shall go with its namespace must be opened in another one and moved.
fn keeps_its_birthplace(host: &Host) {
    host.add_netns("home");
    let mut kept = host.visit("home", || tap("eth0", 0, Offloads::ALL));
    host.remove_netns("home");
    // Namespaces die in order: when a later one is gone, the first would be.
    let dying = moved_tap(host, "birthplace");
    host.remove_netns("ns");
    assert_gone(dying);
    assert_eq!(kept.send(&any_frame()), Ok(()));
}

fn gone_with_interface(host: &Host) {
    host.add_netns("ns");
    let tap = host.visit("ns", || tap("eth0", 0, Offloads::ALL));
    host.visit("ns", || Rtnl::open().delete("eth0"));
    assert_gone(tap);
}

/// Does a poller say at once that there is an error?
fn reports_error(tap: &Tap) -> bool {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1);
    poll.registry()
        .register(&mut SourceFd(&tap.fd().unwrap()), Token(0), Interest::READABLE)
        .unwrap();
    poll.poll(&mut events, Some(wait::LONG)).unwrap();
    events.iter().any(Event::is_error)
}

fn down_and_up(_: &Host) {
    let mut tap = tap("t0", 0, Offloads::ALL);
    let rtnl = Rtnl::open();
    rtnl.down("t0");
    assert_eq!(tap.send(&any_frame()), Err(DropReason::EgressDown));
    let mut buffer = FrameBuffer::new();
    wait::for_yes("nothing to read", || tap.receive(&mut buffer) == Received::Empty);
    rtnl.up("t0");
    assert_eq!(tap.send(&any_frame()), Ok(()));
    rtnl.add_neighbour("t0", V4[1], MACS[1]);
    UdpSocket::bind((V4[0], 0)).unwrap().send_to(b"again", (V4[1], 9)).unwrap();
    assert!(read_protocol(&mut tap, 17).frame.ends_with(b"again"));
}
