//! A TCP stream at full speed between two sandboxes, while `apply` changes a third.
//!
//! What is lost is sent again, so the count of what the kernel sent again is the count of losses. It
//! counts other things as well, none of which are to do with changes; they are kept out:
//!
//! * Full queues. The sender has at most [`IN_FLIGHT`] bytes on the way, in far fewer frames than the ring
//!   of its interface holds: a frame takes more of a socket's buffer than 256 bytes.
//! * Probes. A machine that is busy keeps an answer waiting for some milliseconds, and then the kernel
//!   sends the last segment again although it was not lost (tail loss probes, RFC 8985 section 7). They
//!   are switched off, and the least timeout is the second of RFC 6298 where it can be chosen (Linux 6.11);
//!   a stream that a change held up for longer would be seen.

use super::written::{TWO, apply, up, write};
use nix::sys::signal::Signal;
use nix::sys::socket::{setsockopt, sockopt};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_stream_at_full_speed_loses_nothing_while_a_third_is_changed", stream);
}

/// How often everything is changed and changed back.
const ROUNDS: u32 = 3;
/// Most bytes of the sender's socket buffer; the kernel doubles it for its own needs.
const IN_FLIGHT: usize = 256 << 10;
/// Least time until what is not acknowledged is sent again, in microseconds.
const RTO_MIN: &str = "1000000";

/// Three more beside the two that talk; the first of them is the one that changes.
const MORE: &str = "\
[sandboxes.c.endpoints.front]
address = '172.16.1.4'
[sandboxes.d.endpoints.front]
[sandboxes.e.endpoints.front]
";

/// Files one of which is applied after the other: limits, a published port, rules, another address,
/// without the third, and all as it was.
fn changes() -> [String; 6] {
    let plain = format!("{TWO}{MORE}");
    let third = "address = '172.16.1.4'";
    let network = "subnet = '172.16.1.0/24'\n";
    let rule = |words: &str| format!("[[networks.front.rules]]\n{words}verdict = 'drop'\n");
    let rules = rule("from = 'c'\nprotocol = 'tcp'\n") + &rule("to = 'c'\nprotocol = 'udp'\n");
    [
        plain.replace(third, &format!("{third}\nlimits = {{ flows = 9, bytes-in = 1000 }}")),
        plain.replace(network, &format!("{network}publish = ['127.0.0.1:8080:c:80']\n")),
        plain.replace(network, &format!("{network}{rules}")),
        plain.replace(third, "address = '172.16.1.77'"),
        TWO.to_owned(),
        plain,
    ]
}

fn stream(host: &Host) {
    let running = up(host, &write("net.toml", &format!("{TWO}{MORE}")), "front");
    let listener = host.visit("b", || TcpListener::bind("172.16.1.3:7000").unwrap());
    let sender = host.visit("a", || {
        only_losses_count();
        TcpStream::connect("172.16.1.3:7000").unwrap()
    });
    setsockopt(&sender, sockopt::SndBuf, &IN_FLIGHT).unwrap();
    let (receiver, _) = listener.accept().unwrap();
    receiver.set_read_timeout(Some(wait::LONG)).unwrap();
    let (received, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let sent = thread::scope(|scope| {
        let writing = scope.spawn(|| write_until(&sender, &done));
        scope.spawn(|| read_all(&receiver, &received));
        // However the changes end, so does the stream.
        let ending = Ending(&done);
        for text in (0..ROUNDS).flat_map(|_| changes()) {
            apply(host, &text, "").ok();
            assert_flows(&received);
            assert_eq!(retransmissions(host), 0, "after\n{text}");
        }
        drop(ending);
        writing.join().unwrap()
    });
    assert_eq!(received.into_inner(), sent);
    assert_eq!(retransmissions(host), 0);
    running.signal(Signal::SIGINT);
    assert_eq!(running.wait().code(), Some(0));
}

/// Ends the stream when it is dropped.
struct Ending<'d>(&'d AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// In the calling thread's namespace the kernel sends again what was lost, and nothing else.
fn only_losses_count() {
    let settings = Path::new("/proc/sys/net/ipv4");
    fs::write(settings.join("tcp_early_retrans"), "0").unwrap();
    let least = settings.join("tcp_rto_min_us");
    if least.exists() {
        fs::write(least, RTO_MIN).unwrap();
    }
    // It is in every kernel.
    fs::write(settings.join("tcp_congestion_control"), "reno").unwrap();
}

/// Writes as fast as is taken; gives how many bytes that were.
fn write_until(mut sender: &TcpStream, done: &AtomicBool) -> u64 {
    let (block, mut sent) = (vec![7; 65_536], 0);
    while !done.load(Ordering::Relaxed) {
        sender.write_all(&block).unwrap();
        sent += block.len() as u64;
    }
    sender.shutdown(Shutdown::Write).unwrap();
    sent
}

fn read_all(mut receiver: &TcpStream, received: &AtomicU64) {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match receiver.read(&mut buffer).unwrap() {
            0 => return,
            length => received.fetch_add(length as u64, Ordering::Relaxed),
        };
    }
}

/// More comes than was on the way.
#[track_caller]
fn assert_flows(received: &AtomicU64) {
    let before = received.load(Ordering::Relaxed);
    let more = 8 * IN_FLIGHT as u64;
    wait::for_yes("the stream flows on", || received.load(Ordering::Relaxed) > before + more);
}

/// How many segments both ends of the stream have sent again.
fn retransmissions(host: &Host) -> u64 {
    ["a", "b"].iter().map(|name| host.visit(name, tcp_retransmissions)).sum()
}

/// How many segments were sent again from the calling thread's namespace.
fn tcp_retransmissions() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split(' ').position(|name| name == "RetransSegs").unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
}
