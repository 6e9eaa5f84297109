//! How does a host get a firewall without its programs?
//!
//! By one batch over netlink (`include/uapi/linux/netfilter/nf_tables.h`).

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::errno::Errno;
use std::io;

/// `NFNL_MSG_BATCH_BEGIN` and `NFNL_MSG_BATCH_END`, whose messages name the subsystem.
const BATCH: [u16; 2] = [0x10, 0x11];
/// `NFNL_SUBSYS_NFTABLES`, with `NFT_MSG_NEWTABLE` and `NFT_MSG_NEWCHAIN`.
const SUBSYSTEM: u16 = 10;
const NEW_TABLE: u16 = SUBSYSTEM << 8;
const NEW_CHAIN: u16 = SUBSYSTEM << 8 | 3;
/// `NLM_F_REQUEST`, and with `NLM_F_ACK` and `NLM_F_CREATE`.
const REQUEST: u16 = 0x1;
const CREATE: u16 = 0x405;
/// `NFPROTO_IPV4`, `NF_INET_FORWARD`.
const IPV4: u8 = 2;
const FORWARD: u32 = 2;

/// Makes chain `FORWARD` of table `ip filter` in the calling thread's namespace, as Docker has it: with a
/// policy that drops, or accepts.
///
/// # Errors
/// `EINVAL` or the like where the kernel has no nftables.
pub fn set_forward_policy(drops: bool) -> io::Result<()> {
    let hook = [attribute(1, &FORWARD.to_be_bytes()), attribute(2, &0_u32.to_be_bytes())].concat();
    let chain = [
        attribute(1, b"filter\0"),
        attribute(3, b"FORWARD\0"),
        attribute(4 | 0x8000, &hook),
        attribute(5, &u32::from(!drops).to_be_bytes()),
        attribute(7, b"filter\0"),
    ];
    let batch = [
        message(BATCH[0], REQUEST, 0, SUBSYSTEM, &[]),
        message(NEW_TABLE, CREATE, IPV4, 0, &attribute(1, b"filter\0")),
        message(NEW_CHAIN, CREATE, IPV4, 0, &chain.concat()),
        message(BATCH[1], REQUEST, 0, SUBSYSTEM, &[]),
    ];
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&batch.concat(), 0)?;
    // One acknowledgement for the table and one for the chain, or one refusal of the batch.
    for _ in 0..2 {
        let (answer, _) = socket.recv_from_full()?;
        let code = answer.get(16..20).and_then(|bytes| bytes.first_chunk()).ok_or(Errno::EPROTO)?;
        match i32::from_ne_bytes(*code) {
            0 => {}
            code => return Err(io::Error::from_raw_os_error(-code)),
        }
    }
    Ok(())
}

fn message(kind: u16, flags: u16, family: u8, resource: u16, attributes: &[u8]) -> Vec<u8> {
    let length = 20 + attributes.len() as u32;
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, 0]);
    bytes.extend(resource.to_be_bytes());
    bytes.extend(attributes);
    bytes
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = 4 + value.len();
    let mut bytes = [(length as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(length.next_multiple_of(4), 0);
    bytes
}
