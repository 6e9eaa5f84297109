//! Which subnets can a network have?

use super::fault::SubnetFault;
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The subnets of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnets {
    /// The IPv4 subnet, /30 or larger, without host bits.
    pub v4: Ipv4Net,
    /// The IPv6 subnet, /126 or larger, without host bits; `None` for a network without IPv6.
    pub v6: Option<Ipv6Net>,
}

/// A subnet as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubnetRequest<N> {
    /// Nothing was said: the default.
    Default,
    /// None at all.
    None,
    /// This one.
    Given(N),
}

/// IPv4 blocks that are no unicast networks (RFC 6890): this host, loopback, multicast and reserved.
const SPECIAL: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
    Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The same for IPv6: unspecified, loopback and mapped addresses, link-local, multicast.
const SPECIAL6: [Ipv6Net; 3] = [
    Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 8),
    Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// Reads the value of `--subnet`.
///
/// # Errors
/// The text is no subnet, or none that a network can have.
pub fn parse_subnet(text: &str) -> Result<Ipv4Net, SubnetFault> {
    let given: Ipv4Net = text.parse().map_err(|_| SubnetFault::Malformed(text.to_owned()))?;
    let right = given.trunc();
    if given != right {
        return Err(SubnetFault::HostBits { given, right });
    }
    if given.prefix_len() > 30 {
        return Err(SubnetFault::TooSmall(given));
    }
    match SPECIAL.into_iter().find(|special| overlap4(special, &given)) {
        Some(special) => Err(SubnetFault::Special { subnet: given, special }),
        None => Ok(given),
    }
}

/// Reads the value of `--subnet6`; `none` is [`SubnetRequest::None`].
///
/// # Errors
/// The text is no subnet, or none that a network can have.
pub fn parse_subnet6(text: &str) -> Result<SubnetRequest<Ipv6Net>, SubnetFault> {
    if text == "none" {
        return Ok(SubnetRequest::None);
    }
    let given: Ipv6Net = text.parse().map_err(|_| SubnetFault::Malformed6(text.to_owned()))?;
    let right = given.trunc();
    if given != right {
        return Err(SubnetFault::HostBits6 { given, right });
    }
    if given.prefix_len() > 126 {
        return Err(SubnetFault::TooSmall6(given));
    }
    match SPECIAL6.into_iter().find(|special| overlap6(special, &given)) {
        Some(special) => Err(SubnetFault::Special6 { subnet: given, special }),
        None => Ok(SubnetRequest::Given(given)),
    }
}

fn overlap4(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    a.contains(b) || b.contains(a)
}

fn overlap6(a: &Ipv6Net, b: &Ipv6Net) -> bool {
    a.contains(b) || b.contains(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_read() {
        assert_eq!(parse_subnet("10.1.2.0/24").unwrap().to_string(), "10.1.2.0/24");
        assert_eq!(parse_subnet("10.1.2.4/30").unwrap().to_string(), "10.1.2.4/30");
        assert_eq!(parse_subnet6("none"), Ok(SubnetRequest::None));
        assert_eq!(
            parse_subnet6("fd00:1::/64"),
            Ok(SubnetRequest::Given("fd00:1::/64".parse().unwrap()))
        );
    }

    #[test]
    fn text_that_is_no_subnet_is_refused() {
        for bad in
            ["", "10.1.2.0", "10.1.2/24", "10.1.2.0/33", "10.1.2.300/24", "fd00::/64", "none"]
        {
            assert_eq!(parse_subnet(bad), Err(SubnetFault::Malformed(bad.to_owned())));
        }
        for bad in ["", "fd00::", "fd00::/129", "10.0.0.0/8", "None"] {
            assert_eq!(parse_subnet6(bad), Err(SubnetFault::Malformed6(bad.to_owned())));
        }
    }

    #[test]
    fn host_bits_are_refused_with_the_right_subnet_in_the_message() {
        let error = parse_subnet("172.16.1.7/24").unwrap_err().to_string();
        assert!(error.contains("172.16.1.7/24") && error.contains("172.16.1.0/24"), "{error}");
        let error = parse_subnet6("fd00::1/64").unwrap_err().to_string();
        assert!(error.contains("fd00::1/64") && error.ends_with("fd00::/64"), "{error}");
    }

    #[test]
    fn a_subnet_without_room_or_of_special_addresses_is_refused() {
        assert!(matches!(parse_subnet("10.0.0.0/31"), Err(SubnetFault::TooSmall(_))));
        assert!(matches!(parse_subnet6("fd00::/127"), Err(SubnetFault::TooSmall6(_))));
        for bad in ["127.0.1.0/24", "224.0.0.0/24", "0.0.0.0/0", "128.0.0.0/1", "255.255.255.0/24"]
        {
            assert!(matches!(parse_subnet(bad), Err(SubnetFault::Special { .. })), "{bad}");
        }
        for bad in ["fe80::/64", "ff02::/64", "::/0", "::/64", "::ffff:0:0/96"] {
            assert!(matches!(parse_subnet6(bad), Err(SubnetFault::Special6 { .. })), "{bad}");
        }
    }
}
