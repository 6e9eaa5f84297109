//! How is another system's program found, started, waited for and ended?
//!
//! It runs in a namespace because the thread that starts it is in there. What it says goes to a file of
//! the private `/run`, and the end of that is what is shown when it fails.

use crate::netns::{self, NetnsError};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where what the programs say is kept, and where they may keep files of their own.
pub(super) const FOLDER: &str = "/run/udp-bridge-bench";
/// Where programs are that a user's `PATH` may lack.
const PLACES: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin"];
/// How long a program may take to do what is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often one looks.
const LOOK: Duration = Duration::from_millis(5);
/// How much of what it said is shown.
const LAST_LINES: usize = 3;

/// Why a program of another system does not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not installed.
    #[error("not installed: there is no program {program} (Debian's package {package})")]
    Missing {
        /// The program.
        program: &'static str,
        /// What would bring it.
        package: &'static str,
    },
    /// It cannot be run.
    #[error("{program} cannot be run: {source}")]
    Run {
        /// The program.
        program: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Its namespace cannot be entered.
    #[error("{program} cannot be run: {source}")]
    Namespace {
        /// The program.
        program: &'static str,
        /// Why not.
        #[source]
        source: NetnsError,
    },
    /// It ended, and should not have or not so.
    #[error("{program} failed ({status}): {said}")]
    Failed {
        /// The program.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// Its last words.
        said: String,
    },
    /// It does not do what is waited for.
    #[error("{program}: no {awaited} within {PATIENCE:?}; it says: {said}")]
    Silent {
        /// The program.
        program: &'static str,
        /// What was waited for.
        awaited: &'static str,
        /// Its last words.
        said: String,
    },
}

/// A program and the package that has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    /// Its name.
    pub(super) name: &'static str,
    /// Debian's package.
    pub(super) package: &'static str,
}

impl Program {
    /// Its file.
    ///
    /// # Errors
    /// [`ProgramError::Missing`].
    pub(super) fn find(self) -> Result<PathBuf, ProgramError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&path).chain(PLACES.map(PathBuf::from));
        places
            .map(|place| place.join(self.name))
            .find(|path| path.is_file())
            .ok_or(ProgramError::Missing { program: self.name, package: self.package })
    }

    /// A command that runs it.
    ///
    /// # Errors
    /// [`ProgramError::Missing`].
    pub(super) fn command(self) -> Result<Command, ProgramError> {
        Ok(Command::new(self.find()?))
    }

    /// The first line that it prints when it is asked for its version.
    ///
    /// # Errors
    /// It is missing or cannot be run.
    pub(super) fn version(self, option: &str) -> Result<String, ProgramError> {
        let output = self.run(self.command()?.arg(option), None)?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().next().unwrap_or(self.name).trim().to_owned())
    }

    /// Runs it to its end, in the namespace if one is given.
    ///
    /// # Errors
    /// It fails; its last words are in the error.
    pub(super) fn run(
        self,
        command: &mut Command,
        netns: Option<&Path>,
    ) -> Result<Output, ProgramError> {
        let failed = |source| ProgramError::Run { program: self.name, source };
        command.stdin(Stdio::null());
        let output = self.within(netns, || command.output())?.map_err(failed)?;
        if output.status.success() {
            return Ok(output);
        }
        let said = last_lines(&[output.stdout, output.stderr].concat());
        Err(ProgramError::Failed { program: self.name, status: output.status, said })
    }

    /// Starts it in the background in the namespace; `log` names the file of what it says.
    ///
    /// # Errors
    /// It cannot be run.
    pub(super) fn start(
        self,
        command: &mut Command,
        netns: &Path,
        log: &str,
    ) -> Result<Running, ProgramError> {
        let failed = |source| ProgramError::Run { program: self.name, source };
        fs::create_dir_all(FOLDER).map_err(failed)?;
        let log = Path::new(FOLDER).join(log);
        let file = File::create(&log).map_err(failed)?;
        let other = file.try_clone().map_err(failed)?;
        // Some end when their input does; it stays open for as long as they are wanted.
        command.stdin(Stdio::piped()).stdout(file).stderr(other);
        let child = self.within(Some(netns), || command.spawn())?.map_err(failed)?;
        Ok(Running { program: self.name, child, log })
    }

    fn within<T: Send>(
        self,
        netns: Option<&Path>,
        action: impl FnOnce() -> T + Send,
    ) -> Result<T, ProgramError> {
        let Some(netns) = netns else { return Ok(action()) };
        netns::run_in(netns, action)
            .map_err(|source| ProgramError::Namespace { program: self.name, source })
    }
}

/// A program in the background. Dropping it ends it.
pub(super) struct Running {
    program: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `is_so`.
    ///
    /// # Errors
    /// It ends first, or takes too long.
    pub(super) fn wait_for(
        &mut self,
        awaited: &'static str,
        mut is_so: impl FnMut() -> bool,
    ) -> Result<(), ProgramError> {
        let deadline = Instant::now() + PATIENCE;
        let program = self.program;
        loop {
            if is_so() {
                return Ok(());
            }
            let ended = self.child.try_wait();
            if let Some(status) = ended.map_err(|source| ProgramError::Run { program, source })? {
                return Err(ProgramError::Failed { program, status, said: self.said() });
            }
            if Instant::now() > deadline {
                return Err(ProgramError::Silent { program, awaited, said: self.said() });
            }
            thread::sleep(LOOK);
        }
    }

    fn said(&self) -> String {
        last_lines(&fs::read(&self.log).unwrap_or_default())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only for one that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn last_lines(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match &lines[lines.len().saturating_sub(LAST_LINES)..] {
        [] => "nothing".to_owned(),
        last => last.join("; "),
    }
}

/// A file of the folder that the programs may write to, as an argument of theirs.
pub(super) fn file(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FALSE: Program = Program { name: "false", package: "coreutils" };
    const SHELL: Program = Program { name: "sh", package: "dash" };

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let program = Program { name: "no-such-switch", package: "switches" };
        assert_eq!(
            program.find().unwrap_err().to_string(),
            "not installed: there is no program no-such-switch (Debian's package switches)"
        );
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
        let error = FALSE.run(&mut FALSE.command().unwrap(), None).unwrap_err();
        assert_eq!(error.to_string(), "false failed (exit status: 1): nothing");
        let mut command = SHELL.command().unwrap();
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let error = SHELL.run(&mut command, None).unwrap_err();
        assert_eq!(error.to_string(), "sh failed (exit status: 3): one; two");
    }

    #[test]
    fn only_the_last_lines_are_quoted() {
        assert_eq!(last_lines(b"one\ntwo\n\nthree\nfour\n"), "two; three; four");
    }
}
