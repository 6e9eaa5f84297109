//! The neighbour table at its limits, and who is told what.

use super::neighbours::{
    MAX_LEARNED, MAX_LEARNED_OF_PORT, MAX_WAITING_BYTES, MEMORY, Neighbours, PATIENCE, QUEUE,
};
use crate::clock::Time;
use crate::frame::{Frame, with_plain_header};
use crate::outbox::{Errand, Outbox, Parcel};
use crate::outcome::{DropReason, PortId, QueueId};
use crate::wire::ethernet::MacAddr;
use std::net::{IpAddr, Ipv4Addr};

const ROUTER: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const THERE: (MacAddr, PortId) = (MacAddr([2, 0, 0, 0, 0, 9]), PortId(1));

/// A frame of so many bytes with its virtio header.
fn frame(length: usize) -> Vec<u8> {
    let mut frame = vec![2; length - 10];
    frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    with_plain_header(&frame)
}

fn address(n: usize) -> IpAddr {
    let [.., b, c] = n.to_be_bytes();
    Ipv4Addr::new(10, 1, b, c).into()
}

fn hold(neighbours: &mut Neighbours, n: usize, length: usize) -> Result<bool, DropReason> {
    let mut bytes = frame(length);
    let frame = Frame::parse(PortId(2), &mut bytes).unwrap();
    neighbours.hold(address(n), &frame, &mut Outbox::default(), Time::START)
}

fn parcels(outbox: &mut Outbox) -> Vec<Parcel> {
    std::iter::from_fn(|| outbox.take()).collect()
}

#[test]
fn an_address_is_asked_for_once_and_the_oldest_of_its_queue_makes_room() {
    let mut neighbours = Neighbours::new(&[]);
    let mut outbox = Outbox::default();
    let mut lengths = 60..;
    let held: Vec<_> = lengths
        .by_ref()
        .take(QUEUE + 1)
        .map(|length| {
            let mut bytes = frame(length);
            let frame = Frame::parse(PortId(2), &mut bytes).unwrap();
            neighbours.hold(address(1), &frame, &mut outbox, Time::START)
        })
        .collect();
    assert_eq!(held, [Ok(true), Ok(false), Ok(false), Ok(false)]);
    let dropped: Vec<_> = parcels(&mut outbox).into_iter().map(|parcel| parcel.errand).collect();
    assert_eq!(dropped, [Errand::Drop(PortId(2), DropReason::Unresolved)]);
    neighbours.learn(address(1), THERE, &mut outbox, ROUTER, Time::START);
    let released: Vec<_> = parcels(&mut outbox).iter().map(|parcel| parcel.bytes.len()).collect();
    assert_eq!(released, [61, 62, 63]);
}

#[test]
fn frames_wait_for_no_more_addresses_than_may_be_learned() {
    let mut neighbours = Neighbours::new(&[]);
    (0..MAX_LEARNED).for_each(|n| assert_eq!(hold(&mut neighbours, n, 60), Ok(true)));
    assert_eq!(hold(&mut neighbours, MAX_LEARNED, 60), Err(DropReason::Unresolved));
    let mut outbox = Outbox::default();
    neighbours.expire(&mut outbox, Time::START + PATIENCE);
    let parcels = parcels(&mut outbox);
    assert_eq!(parcels.len(), MAX_LEARNED, "none is forgotten uncounted");
    let expected = Errand::Drop(PortId(2), DropReason::Unresolved);
    assert!(parcels.iter().all(|parcel| parcel.errand == expected));
    assert!(!neighbours.is_waiting());
    assert_eq!(hold(&mut neighbours, MAX_LEARNED, 60), Ok(true));
}

#[test]
fn no_more_bytes_wait_than_may_and_all_are_given_back() {
    let mut neighbours = Neighbours::new(&[]);
    let mut outbox = Outbox::default();
    for _ in 0..3 {
        let fit = MAX_WAITING_BYTES / 65_536;
        (0..fit).for_each(|n| assert_eq!(hold(&mut neighbours, n, 65_536), Ok(true)));
        assert_eq!(hold(&mut neighbours, fit, 60), Err(DropReason::Unresolved));
        neighbours.learn(address(0), THERE, &mut outbox, ROUTER, Time::START);
        let released = parcels(&mut outbox);
        assert_eq!(released.len(), 1);
        let errand =
            Errand::Release { ingress: PortId(2), queue: QueueId::FIRST, egress: PortId(1) };
        assert_eq!(released[0].errand, errand);
        assert_eq!(released[0].bytes[10..22], [THERE.0.0, ROUTER.0].concat());
        neighbours.expire(&mut outbox, Time::START + PATIENCE);
        parcels(&mut outbox);
        neighbours.expire(&mut outbox, Time::START + MEMORY);
    }
}

#[test]
fn no_more_addresses_are_learned_than_may_but_frames_that_wait_still_go_on() {
    let mut neighbours = Neighbours::new(&[(address(5), ROUTER, PortId(3))]);
    let mut outbox = Outbox::default();
    let now = Time::START;
    let port = |n: usize| PortId((n / MAX_LEARNED_OF_PORT) as u16);
    for n in (0..=MAX_LEARNED).filter(|&n| n != 5) {
        neighbours.learn(address(n), (THERE.0, port(n)), &mut outbox, ROUTER, now);
    }
    neighbours.learn(address(5), THERE, &mut outbox, ROUTER, now);
    assert_eq!(neighbours.find(address(5), now), Some((ROUTER, PortId(3))), "it was given");
    assert!(neighbours.find(address(MAX_LEARNED), now).is_some());
    let late = MAX_LEARNED + 1;
    assert_eq!(hold(&mut neighbours, late, 60), Ok(true));
    neighbours.learn(address(late), THERE, &mut outbox, ROUTER, now);
    assert_eq!(neighbours.find(address(late), now), None);
    assert_eq!(parcels(&mut outbox).len(), 1);
    // Whoever is known may move, and silence makes room.
    let elsewhere = (THERE.0, PortId(7));
    neighbours.learn(address(1), elsewhere, &mut outbox, ROUTER, now);
    assert_eq!(neighbours.find(address(1), now), Some(elsewhere));
    assert_eq!(neighbours.find(address(1), now + MEMORY), None);
    neighbours.expire(&mut outbox, now + MEMORY);
    neighbours.learn(address(late), THERE, &mut outbox, ROUTER, now + MEMORY);
    assert_eq!(neighbours.find(address(late), now + MEMORY), Some(THERE));
}

#[test]
fn one_port_does_not_take_the_room_of_the_others() {
    let mut neighbours = Neighbours::new(&[]);
    let mut outbox = Outbox::default();
    let now = Time::START;
    for n in 0..MAX_LEARNED {
        neighbours.learn(address(n), THERE, &mut outbox, ROUTER, now);
    }
    let known = (0..MAX_LEARNED).filter(|&n| neighbours.find(address(n), now).is_some());
    assert_eq!(known.count(), MAX_LEARNED_OF_PORT);
    let late = address(MAX_LEARNED);
    neighbours.learn(late, (THERE.0, PortId(2)), &mut outbox, ROUTER, now);
    assert!(neighbours.find(late, now).is_some());
    // A known one is heard again.
    let again = now + MEMORY / 2;
    neighbours.learn(address(0), THERE, &mut outbox, ROUTER, again);
    assert!(neighbours.find(address(0), now + MEMORY).is_some());
}
