//! How does the kernel beside us get its NAT?
//!
//! By the program `nft`, which only the benchmark runs, and only in its private namespaces: no other part
//! of this program knows it. A machine without it can measure ours alone.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

/// The program by its name, and where it is on systems that leave it out of a user's `PATH`.
const PROGRAMS: [&str; 2] = ["nft", "/usr/sbin/nft"];

/// Why there are no rules.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The program is not there.
    #[error("there is no program nft for the kernel's NAT; install the package nftables")]
    Missing,
    /// The program cannot be run.
    #[error("nft, which sets up the kernel's NAT, cannot be run: {0}")]
    Run(#[source] io::Error),
    /// The program, or the kernel behind it, says no.
    #[error(
        "nft does not set up the kernel's NAT ({0}); does the kernel have nf_tables and nf_nat?"
    )]
    Refused(String),
}

/// Loads rules into the calling thread's network namespace.
///
/// # Errors
/// None of them is loaded then.
pub(super) fn load(rules: &str) -> Result<(), NftError> {
    let output = first_of(&PROGRAMS, rules)?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = stderr.lines().next().unwrap_or("it does not say why").trim();
    Err(NftError::Refused(said.to_owned()))
}

/// What the program calls itself.
///
/// # Errors
/// It is missing or cannot be run.
pub(in crate::bench::system) fn version() -> Result<String, NftError> {
    for program in PROGRAMS {
        match Command::new(program).arg("--version").stdin(Stdio::null()).output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => {
                let text = result.map_err(NftError::Run)?.stdout;
                let text = String::from_utf8_lossy(&text);
                return Ok(text.lines().next().unwrap_or(program).trim().to_owned());
            }
        }
    }
    Err(NftError::Missing)
}

/// Runs the first of the programs that exists.
fn first_of<P: AsRef<OsStr>>(programs: &[P], rules: &str) -> Result<Output, NftError> {
    for program in programs {
        match run(program.as_ref(), rules) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result.map_err(NftError::Run),
        }
    }
    Err(NftError::Missing)
}

fn run(program: &OsStr, rules: &str) -> io::Result<Output> {
    let mut child = Command::new(program)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let told = match child.stdin.take() {
        Some(mut input) => input.write_all(rules.as_bytes()),
        None => Ok(()),
    };
    let output = child.wait_with_output()?;
    // One that ends early breaks the pipe, and says itself why it does.
    if output.status.success() { told.map(|()| output) } else { Ok(output) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_program_the_package_is_named() {
        let error = first_of(&["/nowhere/nft", "/nowhere/else/nft"], "").unwrap_err();
        assert!(matches!(error, NftError::Missing));
        assert!(error.to_string().contains("install the package nftables"));
    }

    #[test]
    fn what_the_program_says_is_passed_on() {
        // `false` stands in for a program that refuses whatever it is told.
        let output = first_of(&["/nowhere/nft", "false"], "table ip bench {}").unwrap();
        assert!(!output.status.success());
    }
}
