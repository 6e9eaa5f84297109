//! What `--publish` takes and what it refuses.

use super::*;
use proptest::prelude::*;

fn written(text: &str) -> Written {
    text.parse().unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

fn subnets(v6: bool) -> Subnets {
    let v6 = v6.then(|| "fd00::/64".parse().unwrap());
    Subnets { v4: "172.16.1.0/24".parse().unwrap(), v6 }
}

fn read(texts: &[&str], v6: bool) -> Result<Vec<Publish>, ModelError> {
    let texts: Vec<_> = texts.iter().map(|&text| text.to_owned()).collect();
    read_all(&texts, &"ub0".parse().unwrap(), 3, &subnets(v6))
}

#[test]
fn each_form_is_read() {
    let simple = written("8080:ub0-2:80");
    assert_eq!((simple.address, simple.protocol), (None, Protocol::Tcp));
    assert_eq!((simple.ports, simple.targets, &*simple.name), (8080..=8080, 80..=80, "ub0-2"));
    assert_eq!(written("192.0.2.1:8080:ub0-2:80").address, Some("192.0.2.1".parse().unwrap()));
    let v6 = written("[::1]:8080:ub0-2:80/udp");
    assert_eq!((v6.address, v6.protocol), (Some("::1".parse().unwrap()), Protocol::Udp));
    let range = written("8000-8009:ub0-1:9000-9009/tcp");
    assert_eq!((range.ports, range.targets), (8000..=8009, 9000..=9009));
    // A dot and a hyphen may be in a network's name.
    assert_eq!(written("1:a.b-c-1:1").name, "a.b-c-1");
}

#[test]
fn what_is_malformed_is_refused_with_its_text_and_the_reason() {
    let cases = [
        ("", "write it like"),
        ("8080", "write it like"),
        ("8080:ub0-1", "write it like"),
        ("8080::80", "write it like"),
        ("::1:80:ub0-1:80", "write it like"),
        ("[::1]80:ub0-1:80", "write it like"),
        ("[::1:80:ub0-1:80", "write it like"),
        ("[::1]:80:ub0-1", "write it like"),
        ("[fe80::1%eth0]:80:ub0-1:80", "is no address"),
        ("localhost:80:ub0-1:80", r#""localhost" is no address"#),
        ("[127.0.0.1]:80:ub0-1:80", "is no address"),
        ("0:ub0-1:80", r#""0" is no port: ports are 1 to 65535"#),
        ("80:ub0-1:0", "is no port"),
        ("65536:ub0-1:80", "is no port"),
        ("80:ub0-1:65536", "is no port"),
        ("+80:ub0-1:80", "is no port"),
        ("-80:ub0-1:80", r#""" is no port"#),
        ("http:ub0-1:80", "is no port"),
        ("80-:ub0-1:80", "is no port"),
        ("1-2-3:ub0-1:80", "is no port"),
        ("90-80:ub0-1:80-90", "90-80 ends before it begins"),
        ("80-90:ub0-1:80", "has 11 ports and the namespace's 1"),
        ("80:ub0-1:80-81", "has 1 ports and the namespace's 2"),
        ("80:ub0-1:80/sctp", r#""sctp" is not published: write /tcp or /udp"#),
        ("80:ub0-1:80/", r#""" is not published"#),
        ("80:ub0-1:80/TCP", "is not published"),
        ("80:ub0-4:80", r#"there is no port "ub0-4": the ports are ub0-1 to ub0-3"#),
        ("80:ub0-0:80", "there is no port"),
        ("80:ub0-01:80", "there is no port"),
        ("80:ub0:80", "there is no port"),
        ("80:1:80", "there is no port"),
    ];
    for (text, reason) in cases {
        let error = read(&[text], true).unwrap_err().to_string();
        assert!(error.starts_with(&format!("--publish {text:?}: ")), "{error}");
        assert!(error.contains(reason), "{reason} is not in {error}");
    }
}

#[test]
fn two_that_share_a_port_are_refused_with_both_texts() {
    let (one, two) = ("8000-8009:ub0-1:80-89", "127.0.0.1:8009:ub0-2:80");
    let error = read(&["1:ub0-1:1", one, two], true).unwrap_err().to_string();
    assert!(error.contains(one) && error.contains(two), "{error}");
    assert!(read(&["8000:ub0-1:80", "8000:ub0-1:80/udp"], true).is_ok());
    assert!(read(&["0.0.0.0:80:ub0-1:80", "[::]:80:ub0-2:80"], true).is_ok());
    assert!(read(&["0.0.0.0:80:ub0-1:80", "192.0.2.1:80:ub0-2:80"], true).is_err());
}

#[test]
fn as_many_ports_as_there_may_be_are_published_and_not_one_more() {
    let all = "1-65535:ub0-1:1-65535";
    assert_eq!(read(&[all, "1:ub0-1:1/udp"], true).unwrap().len(), 2);
    let error = read(&[all, "1:ub0-1:1/udp", "2:ub0-1:1/udp"], true).unwrap_err();
    assert!(error.to_string().contains("more than 65536 published ports"), "{error}");
}

#[test]
fn an_ipv6_address_needs_a_network_with_ipv6() {
    let error = read(&["[2001:db8::1]:80:ub0-1:80"], false).unwrap_err().to_string();
    assert!(error.contains("no IPv6") && error.contains("--subnet6"), "{error}");
    assert!(read(&["[::1]:80:ub0-1:80", "81:ub0-1:80"], false).is_ok());
    assert!(read(&["[2001:db8::1]:80:ub0-1:80"], true).is_ok());
}

fn any_written() -> impl Strategy<Value = Written> {
    let is_mapped = |address: &IpAddr| address.to_canonical() != *address;
    let address = any::<IpAddr>().prop_filter("mapped", move |address| !is_mapped(address));
    let address = prop::option::of(address);
    let protocol = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp]);
    let ports = (1..=u16::MAX, 1..=u16::MAX, 0..=u16::MAX);
    (address, ports, "[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}-[1-9]", protocol).prop_map(
        |(address, (first, target, more), name, protocol)| {
            let more = more.min(u16::MAX - first).min(u16::MAX - target);
            let (ports, targets) = (first..=first + more, target..=target + more);
            Written { address, ports, name, targets, protocol }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(all in any_written()) {
        prop_assert_eq!(all.to_string().parse::<Written>(), Ok(all));
    }

    #[test]
    fn no_text_stops_the_reader(text in "[0-9a-z:/.\\-\\[\\]]{0,40}") {
        let _ = text.parse::<Written>();
    }
}
