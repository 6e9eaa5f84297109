//! Published ports against a model that looks at every entry.

use super::*;
use proptest::prelude::*;

const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

fn entry(protocol: u8, address: Option<&str>, ports: RangeInclusive<u16>) -> Publish {
    Publish {
        protocol,
        address: address.map(|text| text.parse().unwrap()),
        ports,
        target_v4: Ipv4Addr::new(172, 16, 1, 2),
        target_v6: Some(V6),
        target_port: 80,
    }
}

/// Few addresses and ports, so that entries meet.
fn any_entry() -> impl Strategy<Value = Publish> {
    let address = prop::option::weighted(
        0.7,
        prop::sample::select(vec!["0.0.0.0", "::", "192.0.2.1", "192.0.2.2", "fd00::1", "::1"]),
    );
    let protocol = prop::sample::select(vec![tcp::PROTOCOL, udp::PROTOCOL]);
    (protocol, address, 1_u16..60, 0_u16..8, 1_u16..1000, prop::option::of(Just(V6))).prop_map(
        |(protocol, address, first, more, target_port, target_v6)| Publish {
            target_port,
            target_v6,
            ..entry(protocol, address, first..=first + more)
        },
    )
}

/// Those that overlap none before them.
fn disjoint(all: Vec<Publish>) -> Vec<Publish> {
    let mut kept: Vec<Publish> = Vec::new();
    for entry in all {
        if !kept.iter().any(|other| other.overlaps(&entry)) {
            kept.push(entry);
        }
    }
    kept
}

fn by_looking_at_all(
    all: &[Publish],
    protocol: u8,
    to: IpAddr,
    port: u16,
) -> Option<(IpAddr, u16)> {
    let meant = all.iter().find(|entry| {
        entry.protocol == protocol
            && entry.ports.contains(&port)
            && entry.address.is_none_or(|bound| {
                bound == to || bound.is_unspecified() && bound.is_ipv4() == to.is_ipv4()
            })
    })?;
    let target =
        if to.is_ipv4() { Some(meant.target_v4.into()) } else { meant.target_v6.map(IpAddr::from) };
    Some((target?, meant.target_port + (port - meant.ports.start())))
}

proptest! {
    #[test]
    fn a_port_is_found_as_by_looking_at_all(all in prop::collection::vec(any_entry(), 0..40)) {
        let kept = disjoint(all);
        let ports = PublishedPorts::new(kept.clone());
        prop_assert_eq!(ports.check(), Ok(()));
        for protocol in [tcp::PROTOCOL, udp::PROTOCOL] {
            for to in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "fd00::1", "fd00::9"] {
                let to: IpAddr = to.parse().unwrap();
                for port in 0..70 {
                    prop_assert_eq!(
                        ports.find(protocol, to, port),
                        by_looking_at_all(&kept, protocol, to, port)
                    );
                }
            }
        }
    }

    #[test]
    fn an_overlap_is_found_if_and_only_if_two_overlap(
        all in prop::collection::vec(any_entry(), 0..12),
    ) {
        let clash = all.iter().enumerate().any(|(at, one)| {
            all[at + 1..].iter().any(|other| one.overlaps(other))
        });
        let taken: Vec<_> = all.iter().map(Publish::host_ports).collect();
        match first_overlap(&taken) {
            Some((one, two)) => {
                prop_assert!(one < two && taken[one].overlaps(&taken[two]));
            }
            None => prop_assert!(!clash),
        }
        prop_assert_eq!(PublishedPorts::new(all).check().is_err(), clash);
    }
}

#[test]
fn all_addresses_of_a_family_are_those_of_that_family_alone() {
    let (tcp, udp) = (tcp::PROTOCOL, udp::PROTOCOL);
    let v4 = entry(tcp, Some("0.0.0.0"), 80..=80);
    assert!(v4.overlaps(&entry(tcp, Some("192.0.2.1"), 80..=80)));
    assert!(v4.overlaps(&entry(tcp, None, 79..=81)));
    assert!(!v4.overlaps(&entry(tcp, Some("::"), 80..=80)));
    assert!(!v4.overlaps(&entry(tcp, Some("fd00::1"), 80..=80)));
    assert!(!v4.overlaps(&entry(udp, None, 80..=80)));
    assert!(!v4.overlaps(&entry(tcp, None, 81..=90)));
}

#[test]
fn a_range_without_as_many_targets_is_refused() {
    let refused = |change: fn(&mut Publish)| {
        let mut wrong = entry(tcp::PROTOCOL, None, 8000..=8009);
        change(&mut wrong);
        PublishedPorts::new(vec![wrong]).check()
    };
    assert_eq!(refused(|_| {}), Ok(()));
    assert!(refused(|wrong| wrong.ports = 0..=9).is_err());
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let reversed: fn(&mut Publish) = |wrong| wrong.ports = 9..=8;
    assert!(refused(reversed).is_err());
    assert!(refused(|wrong| wrong.target_port = 0).is_err());
    assert!(refused(|wrong| wrong.target_port = u16::MAX - 8).is_err());
    assert_eq!(refused(|wrong| wrong.target_port = u16::MAX - 9), Ok(()));
    assert!(refused(|wrong| wrong.protocol = 1).is_err());
}

#[test]
fn a_port_of_all_addresses_beside_many_of_one_is_checked_without_comparing_all_pairs() {
    let mut many: Vec<_> =
        (1..=u16::MAX).map(|port| entry(tcp::PROTOCOL, Some("192.0.2.1"), port..=port)).collect();
    many.extend((1..=u16::MAX).map(|port| entry(udp::PROTOCOL, None, port..=port)));
    assert_eq!(PublishedPorts::new(many.clone()).check(), Ok(()));
    many.push(entry(tcp::PROTOCOL, None, 40_000..=40_000));
    assert_eq!(PublishedPorts::new(many).check(), Err(ConfigError::PublishedTwice(40_000)));
}
