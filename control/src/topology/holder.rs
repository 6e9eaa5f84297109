//! Is the process that holds a record going away?
//!
//! A killed process still holds its lock while the kernel closes its TAPs, 20 ms for each (see
//! `closing`). Whoever comes right after the kill should wait for that end, not be told that the
//! network is up. Source: `man 5 proc_pid_stat`, `include/linux/sched.h`.

use std::fs;
use std::path::Path;

/// The flag of a process that is past the point of return in `do_exit`.
const PF_EXITING: u64 = 0x4;
/// SIGKILL in a set of signals: bit 9 - 1.
const SIGKILL_BIT: u64 = 1 << 8;

/// Has the process been killed, or begun to exit? One that cannot be seen is held for living.
pub(super) fn is_dying(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    flags(&stat).is_some_and(|flags| flags & PF_EXITING != 0)
        || pending(&status).is_some_and(|signals| signals & SIGKILL_BIT != 0)
}

/// Has the process ended, or begun to?
pub fn has_ended(pid: u32) -> bool {
    is_dying(pid) || !Path::new(&format!("/proc/{pid}")).exists()
}

/// The kernel's flags of a process: the ninth field, seventh behind the name in parentheses.
fn flags(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_ascii_whitespace().nth(6)?.parse().ok()
}

/// The signals that wait for a process's first thread; SIGKILL waits for every thread.
fn pending(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("SigPnd:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_found_behind_a_name_with_spaces_and_parentheses() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194564 123 0 0";
        assert_eq!(flags(stat), Some(4_194_564));
        assert_eq!(flags(""), None);
    }

    #[test]
    fn pending_signals_are_found() {
        assert_eq!(pending("Name:\tx\nSigPnd:\t0000000000000100\nShdPnd:\t0\n"), Some(SIGKILL_BIT));
        assert_eq!(pending(""), None);
    }

    #[test]
    fn a_process_that_runs_is_not_dying() {
        assert!(!is_dying(std::process::id()));
        assert!(!is_dying(u32::MAX));
    }

    #[test]
    fn a_killed_process_is_dying_until_it_is_gone() {
        let mut child = std::process::Command::new("/proc/self/exe")
            .args(["--ignored", "--exact", "no such test", "--list"])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        child.kill().unwrap();
        // Not waited for: pending, exiting or a zombie.
        assert!(is_dying(child.id()) && has_ended(child.id()));
        child.wait().unwrap();
        assert!(has_ended(child.id()) && !has_ended(std::process::id()));
    }
}
