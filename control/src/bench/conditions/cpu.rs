//! How long was the machine busy, and which machine is it?
//!
//! Busy time is the whole machine's, from `/proc/stat`: the work of a bridge is spread over the
//! sender, the receiver, soft interrupts and, for ours, a process of its own, and no smaller account
//! holds all of it for both. So whatever else runs is counted too: measure on a quiet machine.

use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Ticks a second of `/proc/stat`: `USER_HZ`, which is 100 on every architecture Rust's standard
/// library knows.
const TICKS_PER_SECOND: f64 = 100.0;

/// How long one looks to see how busy the machine is.
const LOOK: Duration = Duration::from_millis(500);

/// Seconds of processor time spent by the whole machine on anything but idling, waiting for disks
/// and being kept waiting by its hypervisor, since it was started.
///
/// # Errors
/// `/proc/stat` cannot be read or is not what it should be (`InvalidData`).
pub(in crate::bench) fn busy_seconds() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/stat")?;
    busy_of(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no cpu line"))
}

/// Which share of `cores` processors is busy now, while we do nothing.
///
/// # Errors
/// `/proc/stat` cannot be read or is not what it should be (`InvalidData`).
pub fn busy_share(cores: usize) -> io::Result<f64> {
    let (before, since) = (busy_seconds()?, Instant::now());
    thread::sleep(LOOK);
    let busy = busy_seconds()? - before;
    Ok(busy / since.elapsed().as_secs_f64() / cores as f64)
}

/// Sums user, nice, system, irq and softirq of the first line; guest time is part of user time.
fn busy_of(stat: &str) -> Option<f64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = ticks[..] else { return None };
    Some((user + nice + system + irq + softirq) as f64 / TICKS_PER_SECOND)
}

/// The machine, as far as figures depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The kernel's release.
    pub kernel: String,
    /// The processor's model; `unknown` where the kernel does not say.
    pub cpu: String,
    /// How many processors this process may use.
    pub cores: usize,
    /// What the kernel does about flaws of the processor, as `flaw: what`, those that are not there left
    /// out (`/sys/devices/system/cpu/vulnerabilities`).
    pub mitigations: Vec<String>,
}

impl Machine {
    /// The machine this runs on.
    pub fn observe() -> Self {
        let kernel = nix::sys::utsname::uname()
            .map_or_else(|_| "unknown".into(), |it| it.release().to_string_lossy().into_owned());
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            kernel,
            cpu: cpu_model(&cpuinfo).unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            mitigations: mitigations(Path::new("/sys/devices/system/cpu/vulnerabilities")),
        }
    }
}

/// The flaws that this processor has, by name.
fn mitigations(folder: &Path) -> Vec<String> {
    let read = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).ok()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        (text.trim() != "Not affected").then(|| format!("{name}: {}", text.trim()))
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<String> = entries.filter_map(read).collect();
    all.sort_unstable();
    all
}

fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_iowait_steal_and_guest_are_not_busy() {
        let stat = "cpu  100 20 300 4000 500 6 70 800 90 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(busy_of(stat), Some(4.96));
    }

    #[test]
    fn a_stat_file_without_its_first_line_is_refused() {
        assert_eq!(busy_of(""), None);
        assert_eq!(busy_of("cpu0 1 2 3 4 5 6 7"), None);
        assert_eq!(busy_of("cpu  1 2 3"), None);
    }

    #[test]
    fn busy_time_does_not_run_backwards() {
        let before = busy_seconds().unwrap();
        assert!(busy_seconds().unwrap() >= before);
    }

    #[test]
    fn only_the_flaws_that_are_there_are_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("meltdown"), "Not affected\n").unwrap();
        fs::write(folder.path().join("spectre_v1"), "Mitigation: barriers\n").unwrap();
        assert_eq!(mitigations(folder.path()), ["spectre_v1: Mitigation: barriers"]);
        assert_eq!(mitigations(Path::new("/nowhere")), [""; 0]);
    }

    #[test]
    fn the_model_is_the_first_processors() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other\n";
        assert_eq!(cpu_model(text), Some("Some CPU @ 2 GHz"));
        assert_eq!(cpu_model("processor : 0\n"), None);
    }
}
