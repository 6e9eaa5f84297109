//! Which chains of nftables are asked about what the host forwards?
//!
//! One listing by netlink, so that no program has to be there. `iptables-nft` makes such chains too; those of
//! the older iptables are not among them. Source: `include/uapi/linux/netfilter/nf_tables.h`,
//! `net/netfilter/nfnetlink.c`.

use super::socket::{message_length, padding};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::errno::Errno;
use std::fmt;
use std::io;

/// How often the listing is started again because the chains changed under it.
const ATTEMPTS: usize = 32;

/// `NLM_F_REQUEST | NLM_F_DUMP`, and what says that a listing does not fit together.
const REQUEST_DUMP: u16 = 0x1 | 0x300;
const DUMP_INTERRUPTED: u16 = 0x10;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NFNL_SUBSYS_NFTABLES`, with `NFT_MSG_NEWCHAIN` and `NFT_MSG_GETCHAIN`.
const NEW_CHAIN: u16 = 10 << 8 | 3;
const GET_CHAIN: u16 = 10 << 8 | 4;
/// `NFTA_CHAIN_TABLE` and its like, and in a hook `NFTA_HOOK_HOOKNUM`.
const TABLE: u16 = 1;
const NAME: u16 = 3;
const HOOK: u16 = 4;
const POLICY: u16 = 5;
const HOOK_NUMBER: u16 = 1;
/// `NF_INET_FORWARD` and `NF_DROP`.
const FORWARD: u32 = 2;
const DROP: u32 = 0;

/// Bytes of a netlink header, and of the `nfgenmsg` behind it.
const HEADER: usize = 16;
const GENERIC: usize = 4;

/// A chain at the hook that forwarded packets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardChain {
    /// The family of its table: `ip`, `ip6` or `inet`.
    pub family: &'static str,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Is dropped what none of its rules decides?
    pub drops: bool,
}

impl fmt::Display for ForwardChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.name)
    }
}

/// Lists the chains of the calling thread's network namespace; none where the kernel has no nftables.
///
/// # Errors
/// `PermissionDenied` without `CAP_NET_ADMIN`, or whatever the kernel says.
pub fn forward_chains() -> io::Result<Vec<ForwardChain>> {
    match list() {
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        listed => listed,
    }
}

/// Is it said so that there is no nftables?
fn is_absent(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EPROTONOSUPPORT | Errno::EOPNOTSUPP | Errno::EINVAL))
}

fn list() -> io::Result<Vec<ForwardChain>> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    for sequence in 1..=ATTEMPTS as u32 {
        socket.send(&request(sequence), 0)?;
        let mut listing = Listing { sequence, chains: Vec::new(), interrupted: false };
        while !listing.read(&socket.recv_from_full()?.0)? {}
        if !listing.interrupted {
            return Ok(listing.chains);
        }
    }
    Err(Errno::EINTR.into())
}

/// For the chains of all families.
fn request(sequence: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + GENERIC);
    bytes.extend(((HEADER + GENERIC) as u32).to_ne_bytes());
    bytes.extend(GET_CHAIN.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4 + GENERIC]);
    bytes
}

struct Listing {
    sequence: u32,
    chains: Vec<ForwardChain>,
    interrupted: bool,
}

impl Listing {
    /// Reads one datagram; true if it was the last.
    fn read(&mut self, datagram: &[u8]) -> io::Result<bool> {
        let mut rest = datagram;
        while let Some(length) = message_length(rest) {
            let (message, after) = rest.split_at(length.min(rest.len()));
            rest = after.get(padding(length)..).unwrap_or_default();
            if number(message, 8) != Some(self.sequence) {
                continue;
            }
            let (kind, flags) = (short(message, 4), short(message, 6));
            self.interrupted |= flags.is_some_and(|flags| flags & DUMP_INTERRUPTED != 0);
            match kind {
                Some(ERROR | DONE) => {
                    return match number(message, HEADER).map_or(0, u32::cast_signed) {
                        0.. => Ok(true),
                        code => Err(io::Error::from_raw_os_error(-code)),
                    };
                }
                Some(NEW_CHAIN) => self.chains.extend(chain(message)),
                _ => {}
            }
        }
        Ok(false)
    }
}

/// The chain that a message tells of, if forwarded packets pass it.
fn chain(message: &[u8]) -> Option<ForwardChain> {
    let family = match message.get(HEADER)? {
        1 => "inet",
        2 => "ip",
        10 => "ip6",
        // A bridge's, a device's: not what is routed.
        _ => return None,
    };
    let attributes = message.get(HEADER + GENERIC..)?;
    let hook = find(find(attributes, HOOK)?, HOOK_NUMBER)?;
    let text = |kind| {
        let bytes = find(attributes, kind)?;
        Some(String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)).into_owned())
    };
    let policy = find(attributes, POLICY).and_then(big);
    let chain = ForwardChain {
        family,
        table: text(TABLE)?,
        name: text(NAME)?,
        drops: policy == Some(DROP),
    };
    (big(hook) == Some(FORWARD)).then_some(chain)
}

/// The value of an attribute, if it is there.
fn find(attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = attributes;
    loop {
        let length = usize::from(short(rest, 0)?);
        // The upper two bits say how it is to be read.
        let kind = short(rest, 2)? & 0x3fff;
        let value = rest.get(4..length)?;
        if kind == wanted {
            return Some(value);
        }
        rest = rest.get(length + padding(length)..)?;
    }
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// Values of nftables are in network order.
fn big(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = 4 + value.len();
        let mut bytes = [(length as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(length.next_multiple_of(4), 0);
        bytes
    }

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 2]);
        bytes.extend(7_u32.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(body);
        bytes
    }

    fn told(family: u8, hook: u32, policy: u32) -> Vec<u8> {
        let body = [
            vec![family, 0, 0, 0],
            attribute(TABLE, b"filter\0"),
            attribute(NAME, b"FORWARD\0"),
            // Nested, as the flag says.
            attribute(HOOK | 0x8000, &attribute(HOOK_NUMBER, &hook.to_be_bytes())),
            attribute(POLICY, &policy.to_be_bytes()),
        ];
        message(NEW_CHAIN, &body.concat())
    }

    fn read(datagram: &[u8]) -> (io::Result<bool>, Vec<String>) {
        let mut listing = Listing { sequence: 7, chains: Vec::new(), interrupted: false };
        let is_last = listing.read(datagram);
        let chains = listing.chains.iter();
        (is_last, chains.map(|chain| format!("{chain} {}", chain.drops)).collect())
    }

    #[test]
    fn chains_that_forwarded_packets_pass_are_listed_with_their_policy() {
        // A bridge's chain, one for what comes in, two that are meant.
        let all = [told(7, 2, 0), told(2, 1, 0), told(2, 2, 0), told(1, 2, 1)].concat();
        let (is_last, chains) = read(&all);
        assert_eq!(chains, ["ip filter FORWARD true", "inet filter FORWARD false"]);
        assert!(!is_last.unwrap());
        assert!(read(&message(DONE, &[0; 4])).0.unwrap());
        let refused = read(&message(ERROR, &(-1_i32).to_ne_bytes())).0.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        assert!(is_absent(&Errno::EINVAL.into()) && !is_absent(&refused));
    }

    #[test]
    fn what_is_cut_short_is_left_out() {
        let whole = told(2, 2, 0);
        for length in 0..whole.len() {
            let (is_last, chains) = read(&whole[..length]);
            assert!(!is_last.unwrap() && chains.len() <= 1);
        }
    }
}
