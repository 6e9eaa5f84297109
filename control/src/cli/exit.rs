//! With which code does the command end?
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; for `exec`, whatever the command says |
//! | 1 | it could not be done; for `doctor`, `up` cannot work here; for `conntrack -D`, nothing matches |
//! | 2 | bad input: refused before anything was made |
//! | 126 | `exec`: the program was found and cannot be run |
//! | 127 | `exec`: there is no such port or program |

pub use super::error::CliError;

use crate::api::client::ClientError;
use crate::bench::BenchError;
use std::io::{self, Write};
use std::process::ExitCode;

/// The same, at the end of the help.
pub(super) const CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 bad input. From exec: the command's own, 126 if it cannot be run, \
127 if there is no such port or program.";

const FAILURE: u8 = 1;
const BAD_INPUT: u8 = 2;
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

impl CliError {
    /// Why a network is not changed; a refusal has the words in which we would say it.
    pub(super) fn of_change(error: ClientError) -> Self {
        match error {
            ClientError::Refused { problem, .. } => Self::DaemonRefused(problem),
            error => Self::Client(error),
        }
    }

    fn code(&self) -> u8 {
        match self {
            Self::Start(error) if error.is_bad_input() => BAD_INPUT,
            Self::Change(error) if error.is_bad_input() || error.is_conflict() => BAD_INPUT,
            Self::File { .. } | Self::SeveralProcesses(_) => BAD_INPUT,
            Self::Name(_)
            | Self::Metrics(_)
            | Self::RulesFile(_)
            | Self::Flows(_)
            | Self::Frames(_)
            | Self::Described(_)
            | Self::Bench(BenchError::Options(_) | BenchError::Read(_)) => BAD_INPUT,
            Self::Client(ClientError::Refused { problem, .. }) if problem.status == 400 => {
                BAD_INPUT
            }
            Self::DaemonRefused(problem) if matches!(problem.status, 400 | 409 | 413) => BAD_INPUT,
            Self::Exec { source, .. } if source.kind() == io::ErrorKind::NotFound => NOT_FOUND,
            Self::Exec { .. } => CANNOT_RUN,
            Self::NoPlace(_) => NOT_FOUND,
            Self::UnknownPort { .. } | Self::AmbiguousPort { .. } => BAD_INPUT,
            Self::BackgroundEnded(code) => *code,
            _ => FAILURE,
        }
    }

    /// Was everything said already?
    fn is_silent(&self) -> bool {
        matches!(self, Self::BackgroundEnded(_) | Self::NothingDeleted | Self::NotReady)
    }
}

/// Ends the command: prints the error, if there is one to print, and chooses the code.
pub(super) fn code(result: Result<(), CliError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_silent() {
                complain(&error);
            }
            ExitCode::from(error.code())
        }
    }
}

/// Prints an error as every error is printed.
pub(super) fn complain(error: &CliError) {
    // Where nobody can read it, the code must do.
    let _ = writeln!(io::stderr(), "udp-bridge: error: {error}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::flow::FilterError;
    use crate::model::{ModelError, NameFault};

    fn exec(kind: io::ErrorKind) -> CliError {
        CliError::Exec { program: "x".to_owned(), source: kind.into() }
    }

    #[test]
    fn every_kind_of_failure_has_its_code() {
        assert_eq!(exec(io::ErrorKind::NotFound).code(), 127);
        assert_eq!(exec(io::ErrorKind::PermissionDenied).code(), 126);
        let unknown = CliError::UnknownPort { name: "web".to_owned(), known: Vec::new() };
        assert_eq!(unknown.code(), 2);
        assert_eq!(CliError::NoPlace(Box::new(unknown)).code(), 127);
        assert_eq!(CliError::Name(ModelError::Name(NameFault::Empty { most: 15 })).code(), 2);
        assert_eq!(CliError::Dead("ub0".to_owned()).code(), 1);
        assert_eq!(CliError::Flows(FilterError::PortsOf(1)).code(), 2);
        assert_eq!(CliError::NothingDeleted.code(), 1);
        assert_eq!(CliError::BackgroundEnded(2).code(), 2);
    }
}
