//! How does a flow look?
//!
//! As conntrack(8) prints it, column for column. `use` is always 1: nothing else holds an entry here.

use crate::api::flow::{FlowHalf, FlowInfo, FlowNumbers};
use dataplane::wire::{icmp, tcp, udp};
use std::fmt::Write as _;

/// The flow in one line without its end.
pub(super) fn text(flow: &FlowInfo) -> String {
    let (name, number) = (name(flow.protocol), flow.protocol);
    let mut line = format!("{name:<8} {number} {} ", flow.timeout_seconds);
    let mut word = |word: &str| {
        line.push_str(word);
        line.push(' ');
    };
    if let Some(state) = &flow.state {
        word(state);
    }
    word(&half(&flow.original));
    if flow.unreplied {
        word("[UNREPLIED]");
    }
    word(&half(&flow.reply));
    if flow.assured {
        word("[ASSURED]");
    }
    line + "use=1"
}

/// One direction.
fn half(half: &FlowHalf) -> String {
    let FlowHalf { source, destination, numbers, packets, bytes } = half;
    let mut text = format!("src={source} dst={destination} ");
    let written = match numbers {
        FlowNumbers::Ports { source_port, destination_port } => {
            write!(text, "sport={source_port} dport={destination_port} ")
        }
        FlowNumbers::Query { kind, code, id } => write!(text, "type={kind} code={code} id={id} "),
        FlowNumbers::Nothing {} => Ok(()),
    };
    // A string takes everything.
    let _ = written;
    text + &format!("packets={packets} bytes={bytes}")
}

/// The name of a protocol that is tracked by more than its addresses.
fn name(protocol: u8) -> &'static str {
    match protocol {
        tcp::PROTOCOL => "tcp",
        udp::PROTOCOL => "udp",
        icmp::PROTOCOL => "icmp",
        icmp::PROTOCOL_V6 => "icmpv6",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::flow::tests::infos;

    #[test]
    fn a_flow_looks_as_conntrack_prints_it() {
        let lines: Vec<_> = infos().iter().map(text).collect();
        assert_eq!(
            lines,
            [
                "tcp      6 431999 ESTABLISHED src=172.16.1.2 dst=198.51.100.2 sport=43210 dport=80 \
                 packets=5 bytes=420 src=198.51.100.2 dst=192.0.2.1 sport=80 dport=61003 packets=4 \
                 bytes=380 [ASSURED] use=1",
                "icmp     1 29 src=172.16.1.2 dst=198.51.100.2 type=8 code=0 id=77 packets=1 bytes=84 \
                 [UNREPLIED] src=198.51.100.2 dst=192.0.2.1 type=0 code=0 id=61004 packets=0 bytes=0 \
                 use=1",
                "unknown  47 600 src=fd00::2 dst=2001:db8::2 packets=1 bytes=84 [UNREPLIED] \
                 src=2001:db8::2 dst=fd00::2 packets=0 bytes=0 use=1",
            ]
        );
    }
}
