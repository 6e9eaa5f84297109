//! What does looking cost those who are looked at?
//!
//! One sandbox sends to another, as fast as it can. Each load is measured twice in a row, once while
//! somebody looks and once while nobody does, in changing order; the ratio of the two is taken round by
//! round. The first row, where nobody looks both times, says how much of a ratio is chance.
//!
//! What costs less than chance is seen in the processor time of the network's process and of who looks,
//! while nothing is sent; a client of `/metrics` is not counted, for it is anybody's.

use super::load::{CONGESTION, Load, SPAN};
use super::looking::{NETWORK, Way};
use super::processor;
use super::table::{Table, ratios, spread};
use nix::unistd::Pid;
use serde_json::Value;
use std::time::Duration;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::traffic::End;

const ROUNDS: usize = 5;
/// How long processor time is counted while nothing is sent.
const REST: Duration = Duration::from_secs(20);
const LOADS: [Load; 2] = [Load::Stream, Load::Small];

/// A value a round.
#[derive(Default)]
struct Seen {
    off: Vec<f64>,
    on: Vec<f64>,
    ratio: Vec<f64>,
}

pub(crate) fn measure(host: &Host) -> Table {
    host.udp_bridge(&format!("up --name {NETWORK} --ports 2 --uplink none --detach")).ok();
    let ends = host.ends(NETWORK);
    let mut rows: Vec<(Load, Way, Seen)> =
        LOADS.iter().flat_map(|&load| Way::ALL.map(|way| (load, way, Seen::default()))).collect();
    for round in 0..ROUNDS {
        for (load, way, seen) in &mut rows {
            seen.round(host, &ends, *load, *way, round);
        }
    }
    let at_rest = Way::ALL.map(|way| (way, at_rest(host, way)));
    host.udp_bridge(&format!("down {NETWORK}")).ok();
    let head = format!(
        "{CONGESTION}, {} s each; median (least–greatest) of {ROUNDS} rounds",
        SPAN.as_secs_f64()
    );
    let mut table = Table::new(head, &["WHO LOOKS", "OFF", "ON", "ON / OFF"]);
    let mut last = None;
    for (load, way, Seen { off, on, ratio }) in &rows {
        if last.replace(*load) != Some(*load) {
            table.add([load.name().to_owned()]);
        }
        table.add([format!("  {}", way.name()), spread(off), spread(on), ratios(ratio)]);
    }
    table.add(["processor time at rest, % of a core".to_owned()]);
    for (way, share) in at_rest {
        table.add([format!("  {}", way.name()), String::new(), format!("{share:.2}")]);
    }
    table
}

/// What the network and who looks at it use of one processor while nothing is sent, in percent.
fn at_rest(host: &Host, way: Way) -> f64 {
    let listed = host.udp_bridge(&format!("ps {NETWORK} --json")).ok().stdout;
    let networks: Value = serde_json::from_str(&listed).unwrap();
    let network = i32::try_from(networks[0]["network"]["pid"].as_i64().unwrap()).unwrap();
    let looking = way.begin(host);
    let processes: Vec<_> = looking.process().into_iter().chain([Pid::from_raw(network)]).collect();
    let share = processor::share(&processes, REST);
    looking.end();
    share
}

impl Seen {
    fn round(&mut self, host: &Host, ends: &[End], load: Load, way: Way, round: usize) {
        let alone = || load.measure(host, &ends[1], &ends[2]);
        let watched = || {
            let looking = way.begin(host);
            let value = alone();
            let seen = looking.end();
            assert_eq!(
                seen > 0,
                !matches!(way, Way::Nobody | Way::CaptureNone),
                "{} saw {seen}",
                way.name()
            );
            value
        };
        let (off, on) = if round.is_multiple_of(2) {
            let off = alone();
            (off, watched())
        } else {
            let on = watched();
            (alone(), on)
        };
        self.off.push(off);
        self.on.push(on);
        self.ratio.push(on / off);
    }
}
