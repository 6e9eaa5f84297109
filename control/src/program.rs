//! How does this program start itself anew?
//!
//! The network in the background, what `doctor` tries, and the ends of a measurement are processes of
//! this very program, told apart by their arguments.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// The name this program is known by, whatever its file is called.
const NAME: &str = "udp-bridge";

/// This program, even if its file was replaced or removed since.
const OURSELVES: &str = "/proc/self/exe";

/// A command that starts this program.
pub(crate) fn anew() -> Command {
    let mut command = Command::new(OURSELVES);
    command.arg0(NAME);
    command
}
