//! How an endpoint is announced.

use std::net::{IpAddr, SocketAddr};

/// Address and port in six numbers.
fn numbers(end: SocketAddr) -> String {
    let IpAddr::V4(address) = end.ip() else { panic!("only IPv4 is written in numbers") };
    let ([a, b, c, d], [high, low]) = (address.octets(), end.port().to_be_bytes());
    format!("{a},{b},{c},{d},{high},{low}")
}

/// A client's, of either family.
pub(super) fn eprt(end: SocketAddr) -> String {
    let family = if end.is_ipv4() { 1 } else { 2 };
    format!("EPRT |{family}|{}|{}|\r\n", end.ip(), end.port())
}

/// A client's, IPv4 only.
pub(super) fn port(end: SocketAddr) -> String {
    format!("PORT {}\r\n", numbers(end))
}

/// A server's, IPv4 only.
pub(super) fn pasv(end: SocketAddr) -> String {
    format!("227 Entering Passive Mode ({}).\r\n", numbers(end))
}

/// A server's, of either family.
pub(super) fn epsv(end: SocketAddr) -> String {
    format!("229 Entering Extended Passive Mode (|||{}|)\r\n", end.port())
}

/// The number at the end of an announcement, written either way.
pub(super) fn port_in(line: &str) -> u16 {
    let digits = |c: char| !c.is_ascii_digit();
    let mut numbers = line.rsplit(digits).filter(|part| !part.is_empty());
    let mut next = || numbers.next().and_then(|number| number.parse().ok()).expect("a number");
    let last: u16 = next();
    if line.contains(',') { next() << 8 | last } else { last }
}

/// What writes an endpoint.
pub(super) type Written = fn(SocketAddr) -> String;

/// Those of two that the family has.
pub(super) fn notations(ip: IpAddr, old: Written, new: Written) -> Vec<Written> {
    if ip.is_ipv4() { vec![old, new] } else { vec![new] }
}
