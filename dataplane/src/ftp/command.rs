//! What does a line of the control connection announce, and how is that written?

use crate::flow::{Address, Direction};
use std::io::{Cursor, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

/// How an endpoint is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    /// Six numbers with commas between, IPv4 only: `PORT` and `227` (RFC 959).
    Numbers,
    /// Family, address and port between delimiters of this kind: `EPRT` (RFC 2428 section 2).
    Full(u8),
    /// The port alone between delimiters of this kind: `229` (RFC 2428 section 3).
    PortOnly(u8),
}

/// An endpoint found in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written<A> {
    /// The address, if it is written.
    pub(super) address: Option<A>,
    /// The port.
    pub(super) port: u16,
    /// Where in the payload it is written.
    pub(super) text: Range<usize>,
    /// How it is written.
    pub(super) notation: Notation,
}

/// Longest text of an endpoint in bytes: `|2|`, 39 of an IPv6 address, `|65535|`.
pub(super) const MAX_TEXT: usize = 49;

/// The endpoint that a payload announces, which begins with a line's beginning: a client's command in
/// the original direction, a server's reply in the other.
pub(super) fn read<A: Address>(payload: &[u8], direction: Direction) -> Option<Written<A>> {
    let end = payload.iter().position(|&byte| byte == b'\n')?;
    let line = payload[..end].trim_ascii_end();
    let (word, at) = (line.get(..4)?.to_ascii_uppercase(), 4);
    match (direction, &word[..]) {
        (Direction::Original, b"PORT") => {
            let start = skip_spaces(line, at)?;
            numbers(line, start).filter(|written| written.text.end == line.len())
        }
        (Direction::Original, b"EPRT") => {
            let start = skip_spaces(line, at)?;
            full(line, start).filter(|written| written.text.end == line.len())
        }
        // The reply's words, and whether there are parentheses, are up to the server (RFC 1123 4.1.2.6).
        (Direction::Reply, b"227 ") => {
            let digit = line[at..].iter().position(u8::is_ascii_digit)?;
            numbers(line, at + digit)
        }
        (Direction::Reply, b"229 ") => {
            let open = line[at..].iter().position(|&byte| byte == b'(')?;
            port_only(line, at + open + 1)
                .filter(|written| line.get(written.text.end) == Some(&b')'))
        }
        _ => None,
    }
}

/// Writes an endpoint in the same notation. Returns the text's length in bytes.
pub(super) fn write<A: Address>(
    room: &mut [u8; MAX_TEXT],
    notation: Notation,
    address: A,
    port: u16,
) -> Option<usize> {
    let mut text = Cursor::new(&mut room[..]);
    match (notation, address.into()) {
        (Notation::Numbers, IpAddr::V4(address)) => {
            let ([a, b, c, d], [e, f]) = (address.octets(), port.to_be_bytes());
            write!(text, "{a},{b},{c},{d},{e},{f}")
        }
        (Notation::Numbers, IpAddr::V6(_)) => return None,
        (Notation::Full(delimiter), address) => {
            let (x, family) = (char::from(delimiter), if address.is_ipv4() { 1 } else { 2 });
            write!(text, "{x}{family}{x}{address}{x}{port}{x}")
        }
        (Notation::PortOnly(delimiter), _) => {
            let x = char::from(delimiter);
            write!(text, "{x}{x}{x}{port}{x}")
        }
    }
    .ok()?;
    // At most MAX_TEXT.
    Some(text.position() as usize)
}

/// Where the argument begins, behind at least one space.
fn skip_spaces(line: &[u8], at: usize) -> Option<usize> {
    let spaces = line[at..].iter().take_while(|&&byte| byte == b' ').count();
    (spaces > 0).then_some(at + spaces)
}

/// Six numbers of a byte each, the address's four and the port's two.
fn numbers<A: Address>(line: &[u8], start: usize) -> Option<Written<A>> {
    let mut values = [0; 6];
    let mut at = start;
    for (index, value) in values.iter_mut().enumerate() {
        if index > 0 {
            at = (line.get(at) == Some(&b',')).then_some(at + 1)?;
        }
        let (number, end) = decimal(line, at)?;
        *value = u8::try_from(number).ok()?;
        at = end;
    }
    let [a, b, c, d, high, low] = values;
    Some(Written {
        address: Some(A::of(Ipv4Addr::new(a, b, c, d).into())?),
        port: u16::from_be_bytes([high, low]),
        text: start..at,
        notation: Notation::Numbers,
    })
}

/// Family, address and port between delimiters.
fn full<A: Address>(line: &[u8], start: usize) -> Option<Written<A>> {
    let delimiter = delimiter(line, start)?;
    let mut fields = line[start + 1..].splitn(4, |&byte| byte == delimiter);
    let (family, address, port) = (fields.next()?, fields.next()?, fields.next()?);
    // Behind the last delimiter there is something, if only nothing.
    fields.next()?;
    let text = start..start + 4 + family.len() + address.len() + port.len();
    let address: IpAddr = std::str::from_utf8(address).ok()?.parse().ok()?;
    if family != if address.is_ipv4() { b"1" } else { b"2" } {
        return None;
    }
    let (number, end) = decimal(port, 0)?;
    Some(Written {
        address: Some(A::of(address)?),
        port: u16::try_from(number).ok().filter(|_| end == port.len())?,
        text,
        notation: Notation::Full(delimiter),
    })
}

/// The port alone between delimiters.
fn port_only<A>(line: &[u8], start: usize) -> Option<Written<A>> {
    let delimiter = delimiter(line, start)?;
    if line.get(start..start + 3)? != [delimiter; 3] {
        return None;
    }
    let (number, end) = decimal(line, start + 3)?;
    (line.get(end) == Some(&delimiter)).then_some(Written {
        address: None,
        port: u16::try_from(number).ok()?,
        text: start..end + 1,
        notation: Notation::PortOnly(delimiter),
    })
}

/// Any printable character may be one (RFC 2428); a digit would be ambiguous.
fn delimiter(line: &[u8], at: usize) -> Option<u8> {
    line.get(at).copied().filter(|byte| byte.is_ascii_graphic() && !byte.is_ascii_digit())
}

/// A decimal number of one to five digits, and where it ends.
fn decimal(line: &[u8], start: usize) -> Option<(u32, usize)> {
    let digits = line.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit());
    let (mut number, mut end) = (0, start);
    for digit in digits {
        (number, end) = (number * 10 + u32::from(digit - b'0'), end + 1);
        if end - start > 5 {
            return None;
        }
    }
    (end > start).then_some((number, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Original, Reply};
    use proptest::prelude::*;
    use std::net::Ipv6Addr;

    /// Address, port, text and what is announced by a line.
    fn told<A: Address>(line: &str, direction: Direction) -> Option<(Option<A>, u16, &str)> {
        let written = read(line.as_bytes(), direction)?;
        Some((written.address, written.port, &line[written.text]))
    }

    const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    #[test]
    fn the_four_announcements_are_read() {
        let numbers = Some((Some(HOST), 51_210, "10,0,0,2,200,10"));
        assert_eq!(told("PORT 10,0,0,2,200,10\r\n", Original), numbers);
        assert_eq!(told("port  10,0,0,2,200,10\n", Original), numbers);
        assert_eq!(told("227 Entering Passive Mode (10,0,0,2,200,10).\r\n", Reply), numbers);
        assert_eq!(told("227 =10,0,0,2,200,10\r\n", Reply), numbers);
        let full = Some((Some(HOST), 51_210, "|1|10.0.0.2|51210|"));
        assert_eq!(told("EPRT |1|10.0.0.2|51210|\r\n", Original), full);
        let v6 = Some((Some(Ipv6Addr::LOCALHOST), 1, "!2!::1!1!"));
        assert_eq!(told("eprt !2!::1!1!\r\n", Original), v6);
        let port = Some((None::<Ipv6Addr>, 51_210, "|||51210|"));
        assert_eq!(told("229 Extended Passive Mode OK (|||51210|)\r\n", Reply), port);
    }

    #[test]
    fn what_is_cut_off_or_contradicts_itself_announces_nothing() {
        let lines = [
            "PORT 10,0,0,2,200,10",
            "PORT 10,0,0,2,200\r\n",
            "PORT 10,0,0,2,200,256\r\n",
            "PORT 10,0,0,2,200,10,1\r\n",
            "PORT10,0,0,2,200,10\r\n",
            "PORT 10,0,0,2,200,\r\n",
            "EPRT |1|10.0.0.2|51210\r\n",
            "EPRT |2|10.0.0.2|51210|\r\n",
            "EPRT |1|::1|51210|\r\n",
            "EPRT |1|10.0.0.2|65536|\r\n",
            "EPRT |1|10.0.0.2|12x|\r\n",
            "EPRT |1|10.0.0.2|51210|x\r\n",
            "EPRT 1|1|10.0.0.2|51210|\r\n",
            "227 Entering Passive Mode\r\n",
            "228 (10,0,0,2,200,10)\r\n",
            "227-(10,0,0,2,200,10)\r\n",
            "229 (|||51210)\r\n",
            "229 (||51210|)\r\n",
            "229 (|||51210|\r\n",
            "\r\n",
            "",
        ];
        for line in lines {
            for direction in [Original, Reply] {
                assert_eq!(told::<Ipv4Addr>(line, direction), None, "{line}");
            }
        }
        assert_eq!(
            told::<Ipv4Addr>("PORT 10,0,0,2,200,10\r\n", Reply),
            None,
            "a server does not ask"
        );
        assert_eq!(told::<Ipv6Addr>("PORT 10,0,0,2,200,10\r\n", Original), None);
    }

    fn is_read_as_written<A: Address>(address: A, port: u16) -> Result<(), TestCaseError> {
        let (full, short) = (Notation::Full(b'|'), Notation::PortOnly(b'+'));
        for (notation, before, after, direction) in [
            (Notation::Numbers, "PORT ", "\r\n", Original),
            (Notation::Numbers, "227 Go (", ").\r\n", Reply),
            (full, "EPRT ", "\r\n", Original),
            (short, "229 Go (", ")\r\n", Reply),
        ] {
            let mut room = [0; MAX_TEXT];
            let Some(length) = write(&mut room, notation, address, port) else {
                prop_assert!(A::LEN == 16 && notation == Notation::Numbers);
                continue;
            };
            let line = [before.as_bytes(), &room[..length], after.as_bytes()].concat();
            let written = Written {
                address: (notation != short).then_some(address),
                port,
                text: before.len()..before.len() + length,
                notation,
            };
            prop_assert_eq!(read(&line, direction), Some(written));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(v4: Ipv4Addr, v6: Ipv6Addr, port: u16) {
            is_read_as_written(v4, port)?;
            is_read_as_written(v6, port)?;
        }

        #[test]
        fn any_bytes_can_be_read(
            word in "(PORT |EPRT |227 |229 )", rest in "[ -~\\r\\n0-9,|()]{0,60}", bytes: Vec<u8>,
        ) {
            for line in [format!("{word}{rest}\r\n").into_bytes(), bytes] {
                for direction in [Original, Reply] {
                    let text = read::<Ipv4Addr>(&line, direction).map(|written| written.text);
                    prop_assert!(text.is_none_or(|text| text.end < line.len()));
                    let _ = read::<Ipv6Addr>(&line, direction);
                }
            }
        }
    }

    #[test]
    fn the_longest_text_fits_its_room() {
        let longest = Ipv6Addr::from([0xffff; 8]);
        let length = write(&mut [0; MAX_TEXT], Notation::Full(b'|'), longest, u16::MAX);
        assert_eq!(length, Some(MAX_TEXT));
    }
}
