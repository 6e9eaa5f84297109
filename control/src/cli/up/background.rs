//! How does a network come to live in the background?
//!
//! ```text
//!     udp-bridge up --detach                 udp-bridge up --in-background --detach
//!       launch ── starts ─────────────────────> detach (a session of its own)
//!         │                                       │  makes the network
//!         │ <────────── table, mark ───────────── ready (output and errors go to the log from now on)
//!       prints the table, exits 0                 runs until `down`
//! ```
//!
//! The child is this program started anew, not forked, so no thread or lock is lost on the way. Its
//! standard error is ours until it is ready: it says itself what went wrong, and we take over its
//! exit code.

use super::super::exit::CliError;
use super::super::output::print;
use super::options::IN_BACKGROUND;
use crate::program;
use nix::unistd::{dup2_stderr, dup2_stdout, setsid};
use std::env;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Stdio};

/// Ends the table on the pipe: the network is ready.
const MARK: u8 = 0;

/// Starts the network `name` in the background and waits until it is ready.
pub(super) fn launch(name: &str) -> Result<(), CliError> {
    let mut child = program::anew()
        .args(arguments(env::args_os().skip(1)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(CliError::Background)?;
    let mut said = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        read_to_mark(&mut pipe, &mut said).map_err(CliError::Background)?;
    }
    match said.strip_suffix(&[MARK]) {
        Some(table) => Ok(print(&String::from_utf8_lossy(table))?),
        None => Err(why_it_ended(&mut child, name)),
    }
}

/// The arguments of the child: ours, with the hidden flag behind the verb.
fn arguments(ours: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = ours.collect();
    let behind_verb = arguments.len().min(1);
    arguments.insert(behind_verb, format!("--{IN_BACKGROUND}").into());
    arguments
}

fn read_to_mark(pipe: &mut impl Read, said: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 4096];
    while said.last() != Some(&MARK) {
        match pipe.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => said.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn why_it_ended(child: &mut Child, name: &str) -> CliError {
    match child.wait() {
        Err(error) => CliError::Background(error),
        Ok(status) => match status.code().and_then(|code| u8::try_from(code).ok()) {
            // It cannot be 0, for then it would have been ready before.
            Some(code) => CliError::BackgroundEnded(code.max(1)),
            None => CliError::BackgroundKilled(name.to_owned()),
        },
    }
}

/// Leaves the session of the terminal, so that Ctrl-C and its end do not reach us, and the folder, so
/// that it can be unmounted.
pub(super) fn detach() -> Result<(), CliError> {
    setsid().map_err(|errno| CliError::Background(errno.into()))?;
    env::set_current_dir("/").map_err(CliError::Background)
}

/// Hands the table to the process that waits, and turns to the log.
pub(super) fn ready(table: &str, log: &Path) -> Result<(), CliError> {
    let refuse = |source: io::Error| CliError::Log { path: log.to_owned(), source };
    let file =
        OpenOptions::new().create(true).append(true).mode(0o600).open(log).map_err(refuse)?;
    let mut pipe = io::stdout().lock();
    let told = pipe
        .write_all(table.as_bytes())
        .and_then(|()| pipe.write_all(&[MARK]))
        .and_then(|()| pipe.flush());
    told.map_err(|_| CliError::NobodyWaits)?;
    dup2_stdout(&file).map_err(|errno| refuse(errno.into()))?;
    dup2_stderr(&file).map_err(|errno| refuse(errno.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_gets_our_arguments_and_the_hidden_flag() {
        let ours = ["up", "--ports", "3", "--detach"].map(OsString::from);
        let childs = ["up", "--in-background", "--ports", "3", "--detach"].map(OsString::from);
        assert_eq!(arguments(ours.into_iter()), childs);
    }

    #[test]
    fn reading_ends_at_the_mark_or_with_the_child() {
        for said in [&b"table\0"[..], b"tab", b""] {
            let mut read = Vec::new();
            read_to_mark(&mut &said[..], &mut read).unwrap();
            assert_eq!(read, said);
        }
    }
}
