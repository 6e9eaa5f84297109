//! A file of 1,000 endpoints over 50 networks: how long until they are there, what do they take while
//! nothing happens, how long until they are gone?
//!
//! Once in a daemon (`apply -f`), and once in a process of their own (`up -f`). All times are
//! those of the commands. Before anything else is looked at, a sandbox of each network has reached another.
//! Idle, once the sandboxes have fallen silent, is what the process uses of one processor over [`IDLE`].

use super::processor;
use super::table::{Table, millis, spread};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use udp_bridge_tests::host::process::Running;
use udp_bridge_tests::host::traffic::pings;
use udp_bridge_tests::host::{Host, wait};

/// Both ways take a minute or two; who wants more rounds runs it again.
const ROUNDS: usize = 1;
const NETWORKS: u32 = 50;
/// Endpoints of each.
const ENDPOINTS: u32 = 20;
const IDLE: Duration = Duration::from_secs(10);
/// How long nobody may have sent before idleness is measured.
const SILENCE: Duration = Duration::from_secs(5);
/// Longest time of a command, on whatever machine: it is told, not judged.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is measured of one way, a value a round.
#[derive(Default)]
struct Seen {
    ready: Vec<f64>,
    mebibytes: Vec<f64>,
    idle: Vec<f64>,
    gone: Vec<f64>,
}

pub(crate) fn measure(host: &Host) -> Table {
    let file = Path::new("/run/many.toml");
    fs::write(file, text()).unwrap();
    let (mut daemon, mut alone) = (Seen::default(), Seen::default());
    for _ in 0..ROUNDS {
        daemon.round(host, |host| in_daemon(host, file));
        alone.round(host, |host| by_itself(host, file));
    }
    let head = format!(
        "{} endpoints over {NETWORKS} networks; {ROUNDS} round of each",
        NETWORKS * ENDPOINTS
    );
    let mut table = Table::new(head, &["", "daemon, apply -f", "up -f"]);
    for (name, daemon, alone) in [
        ("until ready, s", &daemon.ready, &alone.ready),
        ("VmRSS, MiB", &daemon.mebibytes, &alone.mebibytes),
        ("idle, % of a core", &daemon.idle, &alone.idle),
        ("down --all, s", &daemon.gone, &alone.gone),
    ] {
        table.add([name.to_owned(), spread(daemon), spread(alone)]);
    }
    table
}

/// The file: the subnets 10.98.0.0/24 and on.
fn text() -> String {
    let mut text = "version = 1\n".to_owned();
    for network in 0..NETWORKS {
        text +=
            &format!("[networks.n{network}]\nsubnet = '10.98.{network}.0/24'\nuplink = 'none'\n");
        for number in 0..ENDPOINTS {
            let address = format!("10.98.{network}.{}", number + 2);
            text += &format!("[sandboxes.s{network}-{number}.endpoints.n{network}]\n");
            text += &format!("address = '{address}'\n");
        }
    }
    text
}

/// A daemon that is told of the file: the time of `apply`.
fn in_daemon(host: &Host, file: &Path) -> (Running, Duration) {
    let daemon = host.daemon();
    let start = Instant::now();
    finish(host, &format!("apply -f {}", file.display()));
    (daemon, start.elapsed())
}

/// A process that makes the file's networks and keeps them: the time until it says so.
fn by_itself(host: &Host, file: &Path) -> (Running, Duration) {
    let start = Instant::now();
    let mut running = host.start(&mut host.command(&format!("up -f {}", file.display())));
    let up = wait::until(PATIENCE, || {
        assert!(!running.has_ended(), "it ended: {}{}", running.stdout(), running.stderr());
        running.stdout().contains("OFFLOADS").then_some(())
    });
    up.expect("the file is up");
    (running, start.elapsed())
}

/// Runs a command to its end.
fn finish(host: &Host, arguments: &str) {
    let mut running = host.start(&mut host.command(arguments));
    let ended = wait::until(PATIENCE, || running.has_ended().then_some(()));
    ended.unwrap_or_else(|| panic!("`{arguments}` does not end"));
    running.wait().ok();
}

impl Seen {
    fn round(&mut self, host: &Host, make: impl Fn(&Host) -> (Running, Duration)) {
        let (running, ready) = make(host);
        self.ready.push(ready.as_secs_f64());
        for network in 0..NETWORKS {
            let to = format!("10.98.{network}.{}", ENDPOINTS + 1).parse().unwrap();
            let reached = host.visit(&format!("s{network}-0"), || pings(to, wait::LONG));
            assert!(reached, "{to} does not answer");
        }
        let proc = Path::new("/proc").join(running.pid().to_string());
        self.mebibytes.push(resident(&proc));
        await_silence();
        self.idle.push(processor::share(&[running.pid()], IDLE));
        let start = Instant::now();
        finish(host, "down --all");
        self.gone.push(millis(start.elapsed()) / 1e3);
        drop(running);
    }
}

/// Waits until nobody sends: a new interface asks for routers three times, four seconds apart (RFC 4861
/// section 10), and that is flooded to the host's, too.
fn await_silence() {
    let frames = || fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let silent = wait::until(PATIENCE, || {
        let before = frames();
        thread::sleep(SILENCE);
        (frames() == before).then_some(())
    });
    silent.expect("the sandboxes do not fall silent");
}

/// Memory of a process, in MiB.
fn resident(proc: &Path) -> f64 {
    let status = fs::read_to_string(proc.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
