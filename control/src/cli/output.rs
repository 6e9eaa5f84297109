//! Where does what we print go?
//!
//! To standard output in one piece. A reader that has gone away (`udp-bridge ps | head -1`) is no
//! error.

use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Standard output does not take what was to be printed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub struct OutputError(#[from] io::Error);

/// Prints text as it is.
///
/// # Errors
/// Whatever the kernel says but for a broken pipe.
pub(super) fn print(text: &str) -> Result<(), OutputError> {
    match write_all(&mut io::stdout().lock(), text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Prints a value as indented JSON.
///
/// # Errors
/// As of [`print`].
pub(super) fn print_json(value: &impl Serialize) -> Result<(), OutputError> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    print(&(text + "\n"))
}

fn write_all(to: &mut impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

/// A colour for a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// Wrong.
    Red,
    /// Right.
    Green,
    /// Worth a look.
    Yellow,
}

impl Colour {
    /// Paints `text` when standard output is a terminal and `NO_COLOR` is not set.
    pub(super) fn paint(self, text: &str) -> String {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if plain || !io::stdout().is_terminal() {
            return text.to_owned();
        }
        let code = match self {
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
