//! How much of a processor do processes use?

use nix::unistd::Pid;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Ticks a second in `/proc/PID/stat`: `USER_HZ`.
const TICKS_PER_SECOND: f64 = 100.0;

/// What processes use of one processor together from now on, in percent; ended threads of theirs are
/// counted, too. A tick is a tenth of a percent of ten seconds.
pub(crate) fn share(processes: &[Pid], span: Duration) -> f64 {
    let used = || processes.iter().map(|&process| used(process)).sum::<f64>();
    let (before, start) = (used(), Instant::now());
    thread::sleep(span);
    (used() - before) / start.elapsed().as_secs_f64() * 100.0
}

/// Seconds of processor time of a process so far: fields 14 and 15 of proc_pid_stat(5).
fn used(process: Pid) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name before may have spaces in it; behind it is field 3.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}
