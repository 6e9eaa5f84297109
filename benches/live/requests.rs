//! One change of a network by one request: from connecting to the socket to the whole answer, when the
//! change is in force.
//!
//! A network of 3 and one of 250 ports stand side by side. In each round every change is asked for
//! [`REPEATS`] times on one, then on the other; what was added is removed by the change behind it, so each
//! round finds the network as it was. A round counts with its median.

use super::table::{Table, median_millis, spread};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use udp_bridge_tests::host::api::{Answer, ask_at};
use udp_bridge_tests::host::{Host, STATE_DIR};

const ROUNDS: usize = 9;
const REPEATS: u16 = 20;
/// Ports of the two networks.
const PORTS: [u16; 2] = [3, 250];
/// Rules that a network has already where rules and limits are changed.
const RULES: u16 = 100;
/// The first ports of the host to be published, one for each network.
const FIRST: [u16; 2] = [9000, 10_000];

/// A method, a path behind the network's, a body.
type Request = (&'static str, String, String);

/// What is changed: its words, the status of its answer, and the request for the repetition.
type Change = (&'static str, u16, fn(&Stand, u16) -> Request);

const CHANGES: [Change; 5] = [
    ("publish", 201, |stand, at| {
        let body = format!(r#"{{"publish": "{}:{}:80"}}"#, stand.first + at, stand.port());
        ("POST", "published".into(), body)
    }),
    ("unpublish", 204, |stand, at| {
        let path = format!("published/{}:{}:80%2Ftcp", stand.first + at, stand.port());
        ("DELETE", path, String::new())
    }),
    ("rule add, beside 100", 201, |stand, _| ("POST", "rules".into(), stand.rule())),
    ("rule rm, beside 100", 204, |_, _| ("DELETE", format!("rules/{RULES}"), String::new())),
    ("limit set, beside 100 rules", 204, |stand, at| {
        let path = format!("ports/{}/limits", stand.port());
        ("PUT", path, format!(r#"{{"flows": {}}}"#, 1000 + at))
    }),
];

/// A network that stands.
struct Stand {
    name: String,
    socket: PathBuf,
    first: u16,
}

impl Stand {
    fn up(host: &Host, ports: u16, first: u16) -> Self {
        let name = format!("of{ports}");
        let network = format!("--name {name} --subnet 10.{ports}.0.0/24 --uplink none --detach");
        host.udp_bridge(&format!("up --ports {ports} {network}")).ok();
        let socket = Path::new(STATE_DIR).join(&name).join("api.sock");
        let stand = Self { name, socket, first };
        for _ in 0..RULES {
            stand.ask(("POST", "rules".into(), stand.rule()), 201);
        }
        stand
    }

    fn port(&self) -> String {
        format!("{}-1", self.name)
    }

    fn rule(&self) -> String {
        let rule = format!("from = '{}'\\nprotocol = 'icmp'\\nverdict = 'accept'", self.port());
        format!(r#"{{"rule": "{rule}"}}"#)
    }

    /// Asks; gives how long the answer took.
    fn ask(&self, (method, path, body): Request, status: u16) -> Duration {
        let path = format!("/v1/networks/{}/{path}", self.name);
        let start = Instant::now();
        let answer: Answer = ask_at(&self.socket, method, &path, &body);
        let time = start.elapsed();
        assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
        time
    }
}

pub(crate) fn measure(host: &Host) -> Table {
    let stands: Vec<_> =
        PORTS.into_iter().zip(FIRST).map(|(ports, first)| Stand::up(host, ports, first)).collect();
    let mut medians = vec![[const { Vec::new() }; PORTS.len()]; CHANGES.len()];
    for _ in 0..ROUNDS {
        for ((_, status, request), medians) in CHANGES.iter().zip(&mut medians) {
            for (stand, medians) in stands.iter().zip(medians) {
                let times = (0..REPEATS).map(|at| stand.ask(request(stand, at), *status));
                medians.push(median_millis(times));
            }
        }
    }
    let head = format!(
        "time of a request in ms; medians of {REPEATS}, of which median (least–greatest) of {ROUNDS} rounds"
    );
    let mut table = Table::new(head, &["CHANGE", "3 PORTS", "250 PORTS"]);
    for ((name, ..), [few, many]) in CHANGES.iter().zip(&medians) {
        table.add([(*name).to_owned(), spread(few), spread(many)]);
    }
    table
}
