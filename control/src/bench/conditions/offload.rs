//! Which offloads does each interface of a namespace have?
//!
//! Asked over the `ethtool` family of generic netlink, which `ethtool -k` uses too, for all interfaces at
//! once. Source: `Documentation/networking/ethtool-netlink.rst` (`FEATURES_GET`),
//! `include/uapi/linux/ethtool_netlink.h`, `include/uapi/linux/genetlink.h`.
//!
//! ```text
//!   nlmsghdr | genlmsghdr | header { device name } | active { bits { bit { name } … } } | …
//! ```

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};
use std::collections::BTreeMap;
use std::io;

/// What the kernel calls the offloads that matter here, and what we do (as `ethtool` shortens them).
const NAMES: [(&str, &str); 8] = [
    ("rx-checksum", "rx"),
    ("tx-checksum-ip-generic", "tx"),
    ("tx-scatter-gather", "sg"),
    ("tx-generic-segmentation", "gso"),
    ("tx-tcp-segmentation", "tso"),
    ("tx-tcp6-segmentation", "tso6"),
    ("tx-udp-segmentation", "uso"),
    ("rx-gro", "gro"),
];

const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const ETHTOOL_MSG_FEATURES_GET: u8 = 11;
const ETHTOOL_A_FEATURES_HEADER: u16 = 1;
const ETHTOOL_A_FEATURES_ACTIVE: u16 = 4;
const ETHTOOL_A_HEADER_DEV_NAME: u16 = 2;
const ETHTOOL_A_BITSET_BITS: u16 = 3;
const ETHTOOL_A_BITSET_BITS_BIT: u16 = 1;
const ETHTOOL_A_BITSET_BIT_NAME: u16 = 2;
/// Bits of an attribute's type that are flags (`NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`).
const NLA_FLAGS: u16 = 0xc000;
/// Needed where an attribute has others within, since such families are read strictly.
const NLA_F_NESTED: u16 = 0x8000;
/// Room for any datagram.
const ROOM: usize = 1 << 16;
/// Lengths of the two headers.
const NLMSG_HEADER: usize = 16;
const GENL_HEADER: usize = 4;

/// The offloads that are on, by interface, of the calling thread's namespace; `None` where the kernel
/// cannot be asked.
pub(super) fn read() -> Option<BTreeMap<String, Vec<String>>> {
    ask().ok()
}

fn ask() -> io::Result<BTreeMap<String, Vec<String>>> {
    let mut socket = Socket::new(NETLINK_GENERIC)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let name = attribute(CTRL_ATTR_FAMILY_NAME, b"ethtool\0");
    socket.send(&message(GENL_ID_CTRL, NLM_F_REQUEST, CTRL_CMD_GETFAMILY, &name), 0)?;
    let datagram = receive(&socket)?;
    let (answer, _) = messages(&datagram)?;
    let family = answer.first().and_then(|bytes| find(bytes, CTRL_ATTR_FAMILY_ID));
    let family = family.and_then(|bytes| Some(u16::from_ne_bytes(*bytes.first_chunk()?)));
    let family = family.ok_or(io::ErrorKind::Unsupported)?;
    let header = attribute(ETHTOOL_A_FEATURES_HEADER | NLA_F_NESTED, &[]);
    let flags = NLM_F_REQUEST | NLM_F_DUMP;
    socket.send(&message(family, flags, ETHTOOL_MSG_FEATURES_GET, &header), 0)?;
    let mut all = BTreeMap::new();
    loop {
        let datagram = receive(&socket)?;
        let (found, last) = messages(&datagram)?;
        all.extend(found.iter().filter_map(|bytes| features(bytes)));
        if last {
            return Ok(all);
        }
    }
}

/// Receives one datagram. The kernel fits a listing to the room that was given before, and an interface
/// needs more than a page (`netlink_dump` in `net/netlink/af_netlink.c`): looking first how much comes, as
/// is usual, would leave it out.
fn receive(socket: &Socket) -> io::Result<Vec<u8>> {
    let mut datagram = Vec::with_capacity(ROOM);
    socket.recv(&mut datagram, 0)?;
    Ok(datagram)
}

/// The name of an interface and its offloads, from the attributes of one message.
fn features(message: &[u8]) -> Option<(String, Vec<String>)> {
    let header = find(message, ETHTOOL_A_FEATURES_HEADER)?;
    let name = text(find(header, ETHTOOL_A_HEADER_DEV_NAME)?);
    let bits = find(find(message, ETHTOOL_A_FEATURES_ACTIVE)?, ETHTOOL_A_BITSET_BITS)?;
    let active: Vec<String> = attributes(bits)
        .filter(|(kind, _)| *kind == ETHTOOL_A_BITSET_BITS_BIT)
        .filter_map(|(_, bit)| find(bit, ETHTOOL_A_BITSET_BIT_NAME).map(text))
        .collect();
    let known = NAMES.iter().filter(|(kernel, _)| active.iter().any(|name| name == kernel));
    Some((name, known.map(|(_, ours)| (*ours).to_owned()).collect()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

/// One request; the kernel sees to the sequence and port numbers where there is one at a time.
fn message(kind: u16, flags: u16, command: u8, attributes: &[u8]) -> Vec<u8> {
    let length = (NLMSG_HEADER + GENL_HEADER + attributes.len()) as u32;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([command, 1, 0, 0]);
    bytes.extend(attributes);
    bytes
}

/// One attribute, padded to four bytes.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The attributes of each message of a datagram, and whether the answer ends with it.
fn messages(datagram: &[u8]) -> io::Result<(Vec<&[u8]>, bool)> {
    let mut found = Vec::new();
    let mut rest = datagram;
    while let Some((length, kind)) = header(rest) {
        let length = length.clamp(NLMSG_HEADER, rest.len());
        let payload = &rest[NLMSG_HEADER..length];
        match kind {
            NLMSG_DONE => return Ok((found, true)),
            NLMSG_ERROR => {
                let code = payload.first_chunk().map_or(0, |it| i32::from_ne_bytes(*it));
                return match code {
                    0 => Ok((found, true)),
                    _ => Err(io::Error::from_raw_os_error(-code)),
                };
            }
            _ => found.extend(payload.get(GENL_HEADER..)),
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok((found, false))
}

/// Length and kind of the message that begins here.
fn header(bytes: &[u8]) -> Option<(usize, u16)> {
    let length = u32::from_ne_bytes(*bytes.get(..NLMSG_HEADER)?.first_chunk()?);
    Some((length as usize, u16::from_ne_bytes(*bytes[4..].first_chunk()?)))
}

fn find(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(*rest.first_chunk()?));
        let kind = u16::from_ne_bytes(*rest.get(2..)?.first_chunk()?) & !NLA_FLAGS;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_from_an_answer() {
        let bit = |name: &[u8]| {
            attribute(ETHTOOL_A_BITSET_BITS_BIT, &attribute(ETHTOOL_A_BITSET_BIT_NAME, name))
        };
        let bits = [bit(b"tx-tcp-segmentation\0"), bit(b"unheard-of\0"), bit(b"rx-gro\0")].concat();
        let active = attribute(ETHTOOL_A_FEATURES_ACTIVE, &attribute(ETHTOOL_A_BITSET_BITS, &bits));
        let header =
            attribute(ETHTOOL_A_FEATURES_HEADER, &attribute(ETHTOOL_A_HEADER_DEV_NAME, b"eth0\0"));
        let message = message(20, 0, 11, &[header, active].concat());
        let done = super::message(NLMSG_DONE, 0, 0, &[]);
        let both = [message, done].concat();
        // The end may come along with what came before it.
        let (found, last) = messages(&both).unwrap();
        assert!(last && found.len() == 1);
        let wanted = ("eth0".to_owned(), vec!["tso".to_owned(), "gro".to_owned()]);
        assert_eq!(features(found[0]), Some(wanted));
    }

    #[test]
    fn cut_answers_are_read_as_far_as_they_go() {
        let whole = message(20, 0, 11, &attribute(ETHTOOL_A_FEATURES_HEADER, b"1234567"));
        for length in 0..whole.len() {
            let (found, _) = messages(&whole[..length]).unwrap();
            assert!(found.iter().all(|bytes| features(bytes).is_none()));
        }
    }

    #[test]
    fn a_kernel_that_can_be_asked_knows_its_loopback_interface() {
        if let Some(all) = read() {
            assert!(all.contains_key("lo"), "{all:?}");
        }
    }
}
