//! Where do log lines go, and which of them?
//!
//! To standard error: warnings only where a person watches the status line, everything from `info` on
//! otherwise.

use super::status::LineShown;
use std::io::{self, IsTerminal, Write};
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging for the rest of the process's life.
pub(super) fn start(watched: bool, shown: LineShown) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(if watched { Level::WARN } else { Level::INFO })
        .with_target(false)
        // It would say so with a panic, when the terminal is gone.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(BesideStatusLine(shown))
        .finish();
    // It fails only when there is a subscriber already, and then logs go there.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Standard error, with the status line wiped before each log line.
#[derive(Clone, Debug)]
struct BesideStatusLine(LineShown);

impl<'a> MakeWriter<'a> for BesideStatusLine {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for BesideStatusLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut terminal = io::stderr().lock();
        self.0.wipe(&mut terminal)?;
        terminal.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
