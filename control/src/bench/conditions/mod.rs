//! Under which conditions was it measured?
//!
//! Everything that a figure depends on and that can be read here: the machine, how busy it was, what
//! each system calls itself, the interfaces with their offloads, and what standing there costs.
//!
//! | file | question |
//! |---|---|
//! | `cpu` | which machine is it, and how long was it busy? |
//! | `offload` | which offloads does each interface have? |

pub mod cpu;
mod offload;

use super::shape::Shape;
use super::system::System;
use crate::netlink::Netlink;
use crate::netns;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// A machine busier than this share before the start is not quiet.
pub(super) const QUIET: f64 = 0.05;

/// What a system calls itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The system.
    pub system: System,
    /// Its name and version.
    pub label: String,
}

/// How a system stood in one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The system.
    pub system: System,
    /// What the stage's networks had in common.
    pub shape: Shape,
    /// How long it took until it was ready.
    pub setup_seconds: f64,
    /// How long it took to take it down; none where that failed.
    pub teardown_seconds: Option<f64>,
    /// The congestion control of the sockets by which a process relays; none for what relays no streams.
    pub congestion: Option<String>,
    /// What its processes had of memory when all was measured; none where the kernel alone carries.
    pub memory: Option<Memory>,
    /// Its interfaces, those that are alike told once.
    pub interfaces: Vec<InterfaceState>,
}

/// Why a system did not stand, in one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// The system.
    pub system: System,
    /// In which stage.
    pub shape: Shape,
    /// Is there just no such system, or did it fail?
    pub missing: bool,
    /// Why, in words.
    pub why: String,
}

/// Memory of processes, added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Bytes resident now.
    pub resident: u64,
    /// The most bytes that were resident at any time.
    pub peak: u64,
}

/// Interfaces of one system that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceState {
    /// The name of one of them.
    pub name: String,
    /// How many there are.
    pub count: usize,
    /// Their MTU.
    pub mtu: u32,
    /// The offloads that are on; none where the kernel does not tell.
    pub offloads: Option<Vec<String>>,
}

/// What the processes have of memory; `None` where there are none, or where `/proc` shows others.
pub(super) fn memory(processes: &[u32]) -> Option<Memory> {
    let each = |process: &u32| {
        let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        Some((kib(&text, "VmRSS:")? * 1024, kib(&text, "VmHWM:")? * 1024))
    };
    let all: Option<Vec<(u64, u64)>> = processes.iter().map(each).collect();
    let all = all.filter(|all| !all.is_empty())?;
    let resident = all.iter().map(|one| one.0).sum();
    Some(Memory { resident, peak: all.iter().map(|one| one.1).sum() })
}

fn kib(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The interfaces in these namespaces, but for `lo` beside others. What cannot be read is left out.
pub(super) fn state(namespaces: &[PathBuf]) -> Vec<InterfaceState> {
    let mut alike: Vec<InterfaceState> = Vec::new();
    let mut seen: Vec<&Path> = Vec::new();
    for netns in namespaces {
        if seen.contains(&netns.as_path()) {
            continue;
        }
        seen.push(netns);
        let read = || (Netlink::open().and_then(|mut it| it.interfaces()), offload::read());
        let Ok((Ok(interfaces), offloads)) = netns::run_in(netns, read) else { continue };
        let alone = interfaces.iter().all(|interface| interface.loopback);
        for interface in interfaces.into_iter().filter(|it| it.up && (alone || !it.loopback)) {
            let on = offloads.as_ref().and_then(|all| all.get(&interface.name).cloned());
            match alike.iter_mut().find(|it| it.mtu == interface.mtu && it.offloads == on) {
                Some(known) => known.count += 1,
                None => alike.push(InterfaceState {
                    name: interface.name,
                    count: 1,
                    mtu: interface.mtu,
                    offloads: on,
                }),
            }
        }
    }
    alike
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_its_peak_is_no_less() {
        let own = memory(&[std::process::id()]).unwrap();
        assert!(own.resident > 0 && own.peak >= own.resident, "{own:?}");
        assert_eq!(memory(&[]), None);
    }

    #[test]
    fn memory_is_read_from_its_line() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!((kib(status, "VmRSS:"), kib(status, "VmHWM:")), (Some(1024), Some(2048)));
        assert_eq!(kib(status, "VmSwap:"), None);
    }
}
