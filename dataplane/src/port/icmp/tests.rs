//! Frames made of messages, without a socket; with one, see the tests of the kernel.

use super::*;
use crate::frame::Frame;
use crate::outcome::PortId;
use std::io;
use std::net::Ipv6Addr;

/// A port with any descriptor, and a message of 8 bytes as the kernel would tell of it.
fn port() -> (IcmpPort, sys::Message) {
    let socket = std::fs::File::open("/dev/null").unwrap().into();
    let ethernet = EthernetHeader {
        destination: MacAddr([2, 0, 0, 0, 0, 2]),
        source: MacAddr([2, 0, 0, 0, 0, 1]),
        ethertype: ethertype::IPV6.into(),
    };
    let message = sys::Message {
        length: 8,
        source: Some(Ipv6Addr::LOCALHOST),
        destination: Some(Ipv6Addr::LOCALHOST),
        hop_limit: Some(63),
        ..sys::Message::default()
    };
    (IcmpPort::new(socket, ethernet), message)
}

#[test]
fn a_rebuilt_header_is_one_that_the_switch_accepts() {
    let (port, message) = port();
    let mut buffer = FrameBuffer::new();
    let length = port.frame(&message, buffer.space()).unwrap();
    assert_eq!(length, PACKET + 40 + 8);
    let frame = Frame::parse(PortId(0), buffer.filled(length)).unwrap();
    assert_eq!(frame.packet()[..8], [0x60, 0, 0, 0, 0, 8, 58, 63]);
    assert_eq!((frame.source().0[5], frame.destination().0[5]), (1, 2));
}

#[test]
fn a_message_that_was_cut_or_lacks_an_address_makes_no_frame() {
    let (port, message) = port();
    let mut buffer = FrameBuffer::new();
    let whole = sys::Message { length: 65_535, ..message };
    assert_eq!(port.frame(&whole, buffer.space()), Some(PACKET + 40 + 65_535));
    for bad in [
        sys::Message { cut: true, ..message },
        sys::Message { source: None, ..message },
        sys::Message { destination: None, ..message },
        sys::Message { hop_limit: None, ..message },
        sys::Message { length: 65_536, ..message },
    ] {
        assert_eq!(port.frame(&bad, buffer.space()), None, "{bad:?}");
    }
}

#[test]
fn a_large_message_comes_in_fragments_before_the_next_one() {
    let (port, _) = port();
    let mut port = port.with_mtu(1280);
    let mut buffer = FrameBuffer::new();
    let message = sys::Message { length: 3000, ..self::port().1 };
    let length = port.frame(&message, buffer.space()).unwrap();
    let mut lengths = vec![port.fit(length, buffer.space())];
    while let Received::Frame(length) = port.receive(&mut buffer) {
        let frame = Frame::parse(PortId(0), buffer.filled(length)).unwrap();
        assert_eq!((frame.source().0[5], frame.destination().0[5]), (1, 2));
        lengths.push(length);
    }
    let payload = |length: &usize| length - PACKET - 48;
    assert_eq!(lengths.iter().map(payload).collect::<Vec<_>>(), [1232, 1232, 536]);
}

#[test]
fn each_lost_message_is_told_once() {
    let (mut port, _) = port();
    (port.told, port.lost) = (u32::MAX - 1, 1);
    let mut buffer = FrameBuffer::new();
    for _ in 0..3 {
        assert_eq!(port.receive(&mut buffer), Received::Unreadable);
    }
    // What is no socket is gone.
    assert_eq!(port.receive(&mut buffer), Received::Gone);
}

#[test]
fn nothing_can_be_sent() {
    assert_eq!(port().0.send(&[0; 64]), Err(DropReason::EgressRefused));
}

#[test]
fn a_refused_socket_names_the_capability_or_the_limit() {
    let error = IcmpError::socket("ICMP", io::Error::from_raw_os_error(libc::EPERM)).to_string();
    assert!(error.contains("CAP_NET_RAW") && error.contains("ICMP"), "{error}");
    let error = IcmpError::socket("ICMP", io::Error::from_raw_os_error(libc::EMFILE)).to_string();
    assert!(!error.contains("CAP_NET_RAW") && error.contains("ulimit -n"), "{error}");
}
