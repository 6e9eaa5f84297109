use super::*;
use crate::cli::examples;

fn described(port: &str, protocol: &str, to: &str) -> Described {
    Described {
        port: port.to_owned(),
        protocol: protocol.to_owned(),
        to: to.parse().unwrap(),
        from: None,
    }
}

fn built(port: &str, protocol: &str, to: &str) -> Result<Built, String> {
    let next_hop = MacAddr([2, 0xff, 0, 0, 0, 0xfe]);
    described(port, protocol, to)
        .build(&examples::ports(), Some(next_hop))
        .map_err(|error| error.to_string())
}

#[test]
fn a_frame_goes_to_the_host_to_a_sibling_or_to_the_next_hop() {
    let out = built("ub0-1", "tcp", "198.51.100.7:443").unwrap();
    assert_eq!(out.ingress, PortId(1));
    assert_eq!(out.frame[..6], [2, 0, 0, 0, 0, 0], "the host's MAC");
    assert_eq!(words::ends(&out.ends).to_string(), "tcp 172.16.1.2:40000 > 198.51.100.7:443");
    let down = built("host", "icmp", "172.16.1.2").unwrap();
    assert_eq!((down.ingress, &down.frame[..6]), (PortId(0), &[2, 0, 0, 0, 0, 1][..]));
    assert_eq!(
        words::ends(&down.ends).to_string(),
        "icmp 172.16.1.1 > 172.16.1.2 request id 40000"
    );
    let outside = built("outside", "udp", "[2001:db8::1]:53").unwrap();
    assert_eq!((outside.ingress, outside.frame[5]), (PortId(0), 0xfe));
    assert_eq!(built("1", "tcp", "172.16.1.1:22").unwrap().ingress, PortId(1));
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    for (port, protocol, to, words) in [
        ("ub0-1", "tcp", "10.0.0.5", "tcp needs a port: 10.0.0.5:443"),
        ("ub0-1", "udp", "fd00::5", "udp needs a port: [fd00::5]:443"),
        ("ub0-1", "icmp", "10.0.0.5:1", "icmp has no port"),
        ("ub0-1", "sctp", "10.0.0.5:1", "a flow is of tcp, udp or icmp"),
        ("web", "icmp", "10.0.0.5", "there is no port \"web\""),
        ("ub0-1", "icmp", "172.16.1.77", "nobody in the network has 172.16.1.77"),
        ("host", "icmp", "10.0.0.5", "the host does not send it here"),
        ("ub0-1", "icmp", "fd00::5", "ub0-1 has no address of this family"),
    ] {
        let refused = built(port, protocol, to).unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
    assert!("10.0.0.5:".parse::<Who>().unwrap_err().to_string().contains("no address like"));
    let mut mixed = described("ub0-1", "tcp", "10.0.0.5:1");
    mixed.from = Some("[::1]:5".parse().unwrap());
    assert!(mixed.check().unwrap_err().to_string().contains("different families"));
    let outside = described("outside", "tcp", "192.0.2.1:80").build(&examples::ports(), None);
    assert_eq!(outside, Err(DescribedError::NoUplink));
}
