//! What goes through the switch just now?
//!
//! One line on a terminal, rewritten in place and only when it changes. Log lines and the status line
//! share the terminal: a log line wipes the status line first, and the next tick draws it again.

use super::units::{bit_rate, grouped};
use crate::daemon::Totals;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Back to the first column and wipe the line.
const WIPE: &str = "\r\x1b[K";

/// Is a status line on the terminal now? Shared with the log.
#[derive(Clone, Debug, Default)]
pub(super) struct LineShown(Arc<AtomicBool>);

impl LineShown {
    /// Wipes the status line if there is one.
    pub(super) fn wipe(&self, to: &mut impl Write) -> io::Result<()> {
        if self.0.swap(false, Relaxed) { to.write_all(WIPE.as_bytes()) } else { Ok(()) }
    }
}

/// The status line.
#[derive(Debug)]
pub(super) struct StatusLine {
    name: String,
    shown: LineShown,
    text: String,
    before: Option<Totals>,
}

impl StatusLine {
    /// A line for the network `name`, not drawn yet.
    pub(super) fn new(name: String, shown: LineShown) -> Self {
        Self { name, shown, text: String::new(), before: None }
    }

    /// Draws the line for what happened since the last call, `elapsed` ago. A terminal that is gone
    /// is no error: its hangup ends the process soon.
    pub(super) fn draw(&mut self, now: Totals, elapsed: Duration) {
        let before = self.before.replace(now).unwrap_or(now);
        let text = line(&self.name, before, now, elapsed);
        if text == self.text && self.shown.0.load(Relaxed) {
            return;
        }
        let mut terminal = io::stderr().lock();
        if write!(terminal, "{WIPE}{text}").and_then(|()| terminal.flush()).is_ok() {
            self.shown.0.store(true, Relaxed);
        }
        self.text = text;
    }

    /// Leaves a clean terminal behind.
    pub(super) fn end(self) {
        let mut terminal = io::stderr().lock();
        let _ = self.shown.wipe(&mut terminal).and_then(|()| terminal.flush());
    }
}

fn line(name: &str, before: Totals, now: Totals, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let frames = now.received_frames.saturating_sub(before.received_frames) as f64 / seconds;
    let bytes = now.received_bytes.saturating_sub(before.received_bytes) as f64 / seconds;
    let mut text = format!(
        "{name}: {} frames/s  {}  {} dropped",
        grouped(frames.round() as u64),
        bit_rate(bytes * 8.0),
        grouped(now.dropped_frames),
    );
    if now.gone > 0 {
        text += &format!("  {} of {} ports gone", now.gone, now.ports);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(received_frames: u64, received_bytes: u64) -> Totals {
        Totals { received_frames, received_bytes, ports: 4, ..Totals::default() }
    }

    #[test]
    fn rates_are_per_second_whatever_the_interval() {
        let text = line("ub0", totals(0, 0), totals(20_000, 2_500_000_000), Duration::from_secs(2));
        assert_eq!(text, "ub0: 10,000 frames/s  10.0 Gbit/s  0 dropped");
    }

    #[test]
    fn ports_that_are_gone_are_told() {
        let now = Totals { gone: 1, dropped_frames: 1234, ..totals(5, 5) };
        let text = line("ub0", totals(5, 5), now, Duration::from_secs(1));
        assert_eq!(text, "ub0: 0 frames/s  0 bit/s  1,234 dropped  1 of 4 ports gone");
    }
}
