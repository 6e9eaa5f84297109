//! What is seen while it runs?
//!
//! One line on a terminal, rewritten for each measurement; nothing elsewhere.

use super::path::Bridge;
use super::workload::Workload;
use std::io::{self, IsTerminal, Write};

/// Back to the start of the line and clear it.
const CLEAR: &str = "\r\x1b[K";

/// The progress line, on standard error.
pub(super) struct Progress {
    shown: bool,
    done: usize,
    all: usize,
}

impl Progress {
    /// A line for `all` measurements.
    pub(super) fn new(all: usize) -> Self {
        Self { shown: io::stderr().is_terminal(), done: 0, all }
    }

    /// Says what begins now.
    pub(super) fn next(&mut self, round: u32, rounds: u32, workload: Workload, bridge: Bridge) {
        let percent = self.done * 100 / self.all.max(1);
        self.show(&format!("{percent:3} %  round {round} of {rounds}: {workload} on {bridge}"));
        self.done += 1;
    }

    fn show(&self, line: &str) {
        if self.shown {
            // A terminal that is gone is no reason to stop measuring.
            let _ = write!(io::stderr(), "{CLEAR}{line}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}
