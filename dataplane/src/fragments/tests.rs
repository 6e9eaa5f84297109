//! Fragments at their limits.

use super::*;
use crate::frame::with_plain_header;
use std::net::Ipv4Addr;

const REMOTE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

fn datagram(id: u32) -> Datagram<Ipv4Addr> {
    let (ingress, source) = (PortId(1), Ipv4Addr::new(10, 1, 0, 2));
    Datagram { ingress, source, destination: REMOTE, protocol: 17, id }
}

fn becomes() -> Tuple<Ipv4Addr> {
    let source = Ipv4Addr::new(192, 0, 2, 1);
    Tuple { source, destination: REMOTE, source_port: 61_000, destination_port: 53, protocol: 17 }
}

/// Holds a frame of so many bytes, virtio header included.
fn hold(
    fragments: &mut Fragments<Ipv4Addr>,
    outbox: &mut Outbox,
    id: u32,
    length: usize,
) -> Result<(), DropReason> {
    let mut frame = vec![2; length - 10];
    frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    let mut bytes = with_plain_header(&frame);
    let frame = Frame::parse(PortId(1), &mut bytes).unwrap();
    fragments.hold(datagram(id), &frame, outbox, Time::START)
}

fn errands(outbox: &mut Outbox) -> Vec<Errand> {
    std::iter::from_fn(|| outbox.take()).map(|parcel| parcel.errand).collect()
}

const LOST: Errand = Errand::Drop(PortId(1), DropReason::FragmentLost);

#[test]
fn one_datagram_more_and_the_oldest_is_forgotten() {
    let (mut fragments, mut outbox) = (Fragments::new(), Outbox::default());
    hold(&mut fragments, &mut outbox, 0, 60).unwrap();
    // All that there may be, the one that waits included.
    for id in 1..MAX_DATAGRAMS as u32 {
        fragments.remember(datagram(id), becomes(), &mut outbox, Time::START);
    }
    assert!(outbox.is_empty());
    let one_more = MAX_DATAGRAMS as u32;
    fragments.remember(datagram(one_more), becomes(), &mut outbox, Time::START);
    assert_eq!(errands(&mut outbox), [LOST]);
    assert_eq!(fragments.follow(&datagram(1)), Some(becomes()));
    fragments.remember(datagram(0), becomes(), &mut outbox, Time::START);
    assert_eq!(fragments.follow(&datagram(1)), None);
    assert_eq!(fragments.follow(&datagram(2)), Some(becomes()));
    fragments.expire(&mut outbox, Time::START + Fragments::<Ipv4Addr>::MEMORY);
    assert!(fragments.is_empty() && outbox.is_empty());
}

#[test]
fn no_more_fragments_of_a_datagram_wait_than_may_and_all_go_on_in_order() {
    let (mut fragments, mut outbox) = (Fragments::new(), Outbox::default());
    for n in 0..MAX_WAITING_FRAMES {
        hold(&mut fragments, &mut outbox, 1, 60 + n).unwrap();
    }
    assert_eq!(hold(&mut fragments, &mut outbox, 1, 60), Err(DropReason::FragmentLost));
    hold(&mut fragments, &mut outbox, 2, 60).unwrap();
    fragments.remember(datagram(1), becomes(), &mut outbox, Time::START);
    let lengths: Vec<_> = std::iter::from_fn(|| outbox.take())
        .inspect(|parcel| assert_eq!(parcel.errand, Errand::Walk(PortId(1), QueueId::FIRST)))
        .map(|parcel| parcel.bytes.len())
        .collect();
    assert_eq!(lengths, (60..60 + MAX_WAITING_FRAMES).collect::<Vec<_>>());
}

#[test]
fn no_more_bytes_wait_than_may_and_all_are_given_back() {
    let (mut fragments, mut outbox) = (Fragments::new(), Outbox::default());
    let fit = (MAX_WAITING_BYTES / 65_536) as u32;
    for _ in 0..3 {
        for id in 0..fit {
            hold(&mut fragments, &mut outbox, id, 65_536).unwrap();
        }
        assert_eq!(hold(&mut fragments, &mut outbox, fit, 60), Err(DropReason::FragmentLost));
        fragments.remember(datagram(0), becomes(), &mut outbox, Time::START);
        assert_eq!(errands(&mut outbox), [Errand::Walk(PortId(1), QueueId::FIRST)]);
        fragments.expire(&mut outbox, Time::START + Fragments::<Ipv4Addr>::MEMORY);
        assert_eq!(errands(&mut outbox), vec![LOST; fit as usize - 1]);
        assert!(fragments.is_empty());
    }
}
