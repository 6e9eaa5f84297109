//! `udp-bridge ps`: networks and ports with what went through them.

use super::exit::CliError;
use super::known::{Known, is_changing};
use super::output::{print, print_json};
use super::table::{List, Side};
use super::units::{bytes, grouped, span};
use crate::api::client::ClientError;
use crate::api::protocol::{NetworkInfo, PortInfo};
use crate::topology::KnownNetwork;
use clap::Args;
use serde::Serialize;
use std::time::Duration;

/// Options of `ps`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The network; all of them when left out
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is known of a network's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It answers.
    Running,
    /// It lives, and does not listen yet or not any more.
    Changing,
    /// It lives, and does not answer.
    Silent,
    /// It was killed.
    Dead,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Changing => "changing",
            Self::Silent => "silent",
            Self::Dead => "dead",
        }
    }
}

/// One network as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    state: State,
    network: Option<NetworkInfo>,
    ports: Vec<PortInfo>,
}

/// Prints the networks.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let known = Known::look()?;
    let mut all = Vec::new();
    for network in known.chosen(options.name.as_deref())? {
        all.push(ask(&known, network)?);
    }
    if options.json {
        return Ok(print_json(&all)?);
    }
    Ok(print(&text(&all))?)
}

/// Asks a network's process.
fn ask(known: &Known, network: &KnownNetwork) -> Result<Listed, CliError> {
    let name = network.name.to_string();
    let silent = |name, state| Listed { name, state, network: None, ports: Vec::new() };
    if !network.alive {
        return Ok(silent(name, State::Dead));
    }
    let client = known.client(&network.name);
    match client.info().and_then(|info| Ok((info, client.ports()?))) {
        Ok((info, ports)) => Ok(Listed { name, state: State::Running, network: Some(info), ports }),
        Err(error) if is_changing(&error) => Ok(silent(name, State::Changing)),
        Err(ClientError::Timeout { .. }) => Ok(silent(name, State::Silent)),
        Err(error) => Err(error.into()),
    }
}

fn text(all: &[Listed]) -> String {
    let mut text = networks(all);
    for listed in all {
        let name = &listed.name;
        text += &match listed.state {
            State::Running => format!("\n{}", ports(&listed.ports)),
            State::Changing => format!("\n{name} is starting or ending just now\n"),
            State::Silent => {
                format!("\n{name} does not answer; its process may be stopped or stuck\n")
            }
            State::Dead => format!(
                "\n{name} has no living process; clear its leftovers with `udp-bridge down {name}`\n"
            ),
        };
    }
    let live = all.iter().flat_map(|listed| &listed.ports);
    if live.clone().next().is_some() {
        text += LEGEND;
    }
    text + &drops(live)
}

const LEGEND: &str = "\n\
    RX is what the switch received from a port, TX what it sent to it; a super-frame is one frame.\n\
    UNREAD is what the port's namespace sent faster than the switch read.\n";

fn networks(all: &[Listed]) -> String {
    let mut list = List::new(&[
        ("NETWORK", Side::Left),
        ("STATE", Side::Left),
        ("SUBNET", Side::Left),
        ("SUBNET6", Side::Left),
        ("MTU", Side::Right),
        ("PORTS", Side::Right),
        ("PID", Side::Right),
        ("UP", Side::Right),
    ]);
    for listed in all {
        let name = listed.name.clone();
        let state = listed.state.word().to_owned();
        list.row(match &listed.network {
            Some(info) => [
                name,
                if info.rootless { format!("{state} (rootless)") } else { state },
                info.subnet.to_string(),
                info.subnet6.map(|net| net.to_string()).unwrap_or_default(),
                info.mtu.to_string(),
                info.ports.to_string(),
                info.pid.to_string(),
                span(Duration::from_secs(info.uptime_seconds)),
            ],
            None => {
                let mut cells: [String; 8] = Default::default();
                [cells[0], cells[1]] = [name, state];
                cells
            }
        });
    }
    list.text()
}

fn ports(ports: &[PortInfo]) -> String {
    let mut list = List::new(&[
        ("PORT", Side::Left),
        ("STATE", Side::Left),
        ("IPV4", Side::Left),
        ("IPV6", Side::Left),
        ("MAC", Side::Left),
        ("RX-FRAMES", Side::Right),
        ("RX-BYTES", Side::Right),
        ("TX-FRAMES", Side::Right),
        ("TX-BYTES", Side::Right),
        ("DROPPED", Side::Right),
        ("UNREAD", Side::Right),
    ]);
    for port in ports {
        list.row([
            port.name.clone(),
            state(port).to_owned(),
            port.ipv4.addr().to_string(),
            port.ipv6.map(|net| net.addr().to_string()).unwrap_or_default(),
            port.mac.to_string(),
            grouped(port.counters.received_frames),
            bytes(port.counters.received_bytes),
            grouped(port.counters.sent_frames),
            bytes(port.counters.sent_bytes),
            grouped(port.counters.dropped_frames),
            port.ring_drops.map(grouped).unwrap_or_default(),
        ]);
    }
    list.text()
}

fn state(port: &PortInfo) -> &'static str {
    match (port.alive, port.isolated) {
        (false, _) => "gone",
        (true, true) => "isolated",
        (true, false) => "up",
    }
}

/// Every reason that happened, at the port that it is counted at.
fn drops<'a>(ports: impl Iterator<Item = &'a PortInfo>) -> String {
    let mut list = List::new(&[
        ("PORT", Side::Left),
        ("DROPPED", Side::Right),
        ("REASON", Side::Left),
        ("MEANING", Side::Left),
    ]);
    let mut any = false;
    for port in ports {
        for drop in &port.counters.drops {
            any = true;
            list.row([
                port.name.clone(),
                grouped(drop.frames),
                drop.reason.clone(),
                drop.explanation.clone(),
            ]);
        }
    }
    if any { format!("\n{}", list.text()) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;

    fn running() -> Listed {
        Listed {
            name: "ub0".to_owned(),
            state: State::Running,
            network: Some(examples::network()),
            ports: examples::ports(),
        }
    }

    fn dead() -> Listed {
        Listed { name: "old".to_owned(), state: State::Dead, network: None, ports: Vec::new() }
    }

    #[test]
    fn networks_ports_and_drops_are_listed_below_each_other() {
        assert_eq!(
            text(&[running()]),
            "\
NETWORK  STATE    SUBNET         SUBNET6     MTU  PORTS   PID     UP
ub0      running  172.16.1.0/24  fd00::/64  1500      1  4242  2m03s

PORT   STATE  IPV4        IPV6     MAC                RX-FRAMES  RX-BYTES  TX-FRAMES  TX-BYTES  DROPPED  UNREAD
ub0    up     172.16.1.1  fd00::1  02:00:00:00:00:00          0       0 B          0       0 B        0       0
ub0-1  gone   172.16.1.2  -        02:00:00:00:00:01      1,234   1.50 MB          7     700 B        2       -

RX is what the switch received from a port, TX what it sent to it; a super-frame is one frame.
UNREAD is what the port's namespace sent faster than the switch read.

PORT   DROPPED  REASON           MEANING
ub0-1        2  zero-source-mac  The source MAC is all zeroes.
"
        );
    }

    #[test]
    fn a_dead_network_says_how_to_clear_it() {
        assert_eq!(
            text(&[dead()]),
            "\
NETWORK  STATE  SUBNET  SUBNET6  MTU  PORTS  PID  UP
old      dead   -       -          -      -    -   -

old has no living process; clear its leftovers with `udp-bridge down old`
"
        );
    }

    #[test]
    fn no_network_is_an_empty_list() {
        assert_eq!(text(&[]), "NETWORK  STATE  SUBNET  SUBNET6  MTU  PORTS  PID  UP\n");
    }
}
