//! A file that differs from what runs in one of 250 sandboxes: from connecting to the daemon's socket to
//! the whole answer.
//!
//! What was applied is in force when the answer is there. That is looked at with traffic after each one:
//! the benchmark ends with the reason if a change is not there, or is there still when it was taken back.

use super::table::{Table, millis, spread};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use udp_bridge_tests::host::traffic::{pings, pings_once};
use udp_bridge_tests::host::{Host, wait};

const ROUNDS: usize = 9;
const SANDBOXES: u8 = 250;
/// The sandbox that is changed, and one that it talks to.
const CHANGED: u8 = 100;
const OTHER: u8 = 200;
/// The port of the host that is published, and where it leads.
const PUBLISHED: u16 = 8080;
const TARGET: u16 = 80;
/// Where datagrams are sent; the rule drops those to the second.
const OPEN: u16 = 7000;
const CLOSED: u16 = 7001;
/// Longest silence that is waited for where nothing is to come.
const SILENCE: Duration = Duration::from_millis(50);

/// What is changed: its words, the change of the file, and what is to be seen when it is there, or not.
type Change = (&'static str, fn(&mut Written), fn(&Host, bool));

const CHANGES: [Change; 5] = [
    ("limits", |it| it.limits = "\nlimits = { packets-out = 10 }", limited),
    ("a published port", |it| it.publish = "publish = ['8080:s100:80']\n", published),
    (
        "a rule",
        |it| {
            it.rule = "[[networks.front.rules]]\nfrom = 's100'\nprotocol = 'udp'\nport = 7001\n\
                       verdict = 'drop'\n";
        },
        ruled,
    ),
    ("an endpoint's address", |it| it.address = moved(), readdressed),
    ("a sandbox more, or less", |it| it.more = "[sandboxes.more.endpoints.front]\n", more),
];

/// The parts of the file that change.
struct Written {
    publish: &'static str,
    rule: &'static str,
    limits: &'static str,
    address: Ipv4Addr,
    more: &'static str,
}

impl Written {
    fn plain() -> Self {
        Self { publish: "", rule: "", limits: "", address: address(CHANGED), more: "" }
    }

    fn with(change: fn(&mut Self)) -> String {
        let mut written = Self::plain();
        change(&mut written);
        written.text()
    }

    fn text(&self) -> String {
        let mut text =
            "version = 1\n[networks.front]\nsubnet = '10.98.0.0/16'\nuplink = 'none'\n".to_owned();
        text += self.publish;
        text += self.rule;
        for number in 1..=SANDBOXES {
            let (address, limits) = match number {
                CHANGED => (self.address, self.limits),
                _ => (address(number), ""),
            };
            text +=
                &format!("[sandboxes.s{number}.endpoints.front]\naddress = '{address}'{limits}\n");
        }
        // Its address is the last of the subnet's that anybody would lease by chance.
        text + self.more + if self.more.is_empty() { "" } else { "address = '10.98.255.1'\n" }
    }
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 98, 1, number)
}

/// The other address of the endpoint that is moved.
fn moved() -> Ipv4Addr {
    Ipv4Addr::new(10, 98, 2, CHANGED)
}

fn name(number: u8) -> String {
    format!("s{number}")
}

pub(crate) fn measure(host: &Host) -> Table {
    let daemon = host.daemon();
    apply(host, &Written::plain().text());
    let mut times = vec![[const { Vec::new() }; 2]; CHANGES.len()];
    for _ in 0..ROUNDS {
        for ((_, change, prove), [there, back]) in CHANGES.iter().zip(&mut times) {
            there.push(millis(apply(host, &Written::with(*change))));
            prove(host, true);
            back.push(millis(apply(host, &Written::plain().text())));
            prove(host, false);
        }
    }
    host.udp_bridge("down --all").ok();
    drop(daemon);
    let head = format!(
        "time of a request in ms, for one of {SANDBOXES} sandboxes; median (least–greatest) of {ROUNDS} \
         rounds; each was seen in force"
    );
    let mut table = Table::new(head, &["CHANGE", "APPLIED", "TAKEN BACK"]);
    for ((name, ..), [there, back]) in CHANGES.iter().zip(&times) {
        table.add([(*name).to_owned(), spread(there), spread(back)]);
    }
    table
}

/// Applies a file; gives how long the answer took.
fn apply(host: &Host, text: &str) -> Duration {
    let start = Instant::now();
    let answer = host.ask("POST", "/v1/apply", text);
    let time = start.elapsed();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.body.contains("nothing to do"), "{answer:?}");
    time
}

/// Sockets at both ends: one that sends, and two that hear.
fn datagrams(host: &Host) -> (UdpSocket, [UdpSocket; 2]) {
    let sender = host.visit(&name(CHANGED), || UdpSocket::bind("0.0.0.0:0").unwrap());
    let hear = |port| host.visit(&name(OTHER), || UdpSocket::bind((address(OTHER), port)).unwrap());
    (sender, [OPEN, CLOSED].map(hear))
}

/// A burst beyond the limit is dropped but for its beginning.
fn limited(host: &Host, there: bool) {
    const BURST: usize = 20;
    let (sender, [open, _]) = datagrams(host);
    let drops = || -> u64 {
        let ports = host.ports("front");
        ports.iter().find(|port| port.name() == name(CHANGED)).unwrap().drops("limit-packets-out")
    };
    let before = drops();
    for _ in 0..BURST {
        sender.send_to(b"burst", (address(OTHER), OPEN)).unwrap();
    }
    if there {
        return wait::for_yes("datagrams beyond the limit are dropped", || drops() > before);
    }
    open.set_read_timeout(Some(wait::LONG)).unwrap();
    for _ in 0..BURST {
        open.recv(&mut [0; 8]).expect("a datagram that no limit drops");
    }
}

/// Who connects to the host's port is accepted in the sandbox.
fn published(host: &Host, there: bool) {
    let to = (Ipv4Addr::LOCALHOST, PUBLISHED);
    if !there {
        assert!(TcpStream::connect(to).is_err(), "the port is the host's again");
        return;
    }
    let at = (address(CHANGED), TARGET);
    let listener = host.visit(&name(CHANGED), || TcpListener::bind(at).unwrap());
    listener.set_nonblocking(true).unwrap();
    let _client = TcpStream::connect(to).unwrap();
    wait::for_some("the connection is led to the sandbox", || listener.accept().ok());
}

/// Of two datagrams from one socket, which keep their order, the first is dropped.
fn ruled(host: &Host, there: bool) {
    let (sender, [open, closed]) = datagrams(host);
    for port in [CLOSED, OPEN] {
        sender.send_to(b"word", (address(OTHER), port)).unwrap();
    }
    open.set_read_timeout(Some(wait::LONG)).unwrap();
    open.recv(&mut [0; 8]).expect("what no rule names arrives");
    closed.set_nonblocking(true).unwrap();
    let heard = closed.recv(&mut [0; 8]).map_err(|error| error.kind());
    assert_eq!(heard, if there { Err(ErrorKind::WouldBlock) } else { Ok(4) });
}

/// The new address answers, and the old one does not.
fn readdressed(host: &Host, there: bool) {
    let (now, before) =
        if there { (moved(), address(CHANGED)) } else { (address(CHANGED), moved()) };
    host.visit(&name(OTHER), || {
        assert!(pings(now.into(), wait::LONG), "{now} does not answer");
        assert!(!pings_once(before.into(), SILENCE), "{before} answers");
    });
}

/// The sandbox is there, and answers.
fn more(host: &Host, there: bool) {
    assert_eq!(host.netns("more").exists(), there);
    if there {
        let to: IpAddr = Ipv4Addr::new(10, 98, 255, 1).into();
        assert!(host.visit(&name(OTHER), || pings(to, wait::LONG)), "{to} does not answer");
    }
}
