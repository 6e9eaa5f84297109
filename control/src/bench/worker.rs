//! How are the two ends of a measurement led?
//!
//! Each is a process of this program in one of the namespaces; see `super::load` for what is said.
//! A worker that fails says why on standard error and ends; one that falls silent is ended here.

use super::load::{Job, Role, START};
use crate::program;
use serde::de::DeserializeOwned;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Why one end gave no result.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The process cannot be started.
    #[error("the {role} process cannot be started: {source}")]
    Start {
        /// Which end.
        role: Role,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The process ended without an answer.
    #[error("the {role} process ended early ({status}): {stderr}")]
    Ended {
        /// Which end.
        role: Role,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// Both processes ended: when one fails the other notices, and either may be heard first.
    #[error("{client}; {server}")]
    Both {
        /// How the client ended.
        client: Box<WorkerError>,
        /// How the server ended.
        server: Box<WorkerError>,
    },
    /// The process does not answer.
    #[error("the {role} process gave no answer within {patience:?}")]
    Silent {
        /// Which end.
        role: Role,
        /// How long was waited.
        patience: Duration,
    },
    /// The process answers nonsense.
    #[error("the {role} process gave an answer that is none: {source}")]
    Answer {
        /// Which end.
        role: Role,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// One end. Dropping it ends its process.
pub(super) struct Worker {
    role: Role,
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Worker {
    /// Starts one in the namespace at `netns` and gives it its job.
    pub(super) fn start(netns: &Path, job: &Job) -> Result<Self, WorkerError> {
        let role = job.role;
        let failed = |source| WorkerError::Start { role, source };
        let mut child = program::anew()
            .args(["load", "--netns"])
            .arg(netns)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let mut worker = Self { role, child, input, lines: lines_of(output) };
        let mut line =
            serde_json::to_string(job).map_err(|source| WorkerError::Answer { role, source })?;
        line.push('\n');
        worker.tell(&line)?;
        Ok(worker)
    }

    /// Starts the traffic.
    pub(super) fn go(&mut self) -> Result<(), WorkerError> {
        self.tell(START)
    }

    fn tell(&mut self, line: &str) -> Result<(), WorkerError> {
        self.input.write_all(line.as_bytes()).map_err(|_| self.end())
    }

    /// Waits for the next answer.
    pub(super) fn hear<T: DeserializeOwned>(
        &mut self,
        patience: Duration,
    ) -> Result<T, WorkerError> {
        let role = self.role;
        match self.lines.recv_timeout(patience) {
            Ok(line) => {
                serde_json::from_str(&line).map_err(|source| WorkerError::Answer { role, source })
            }
            Err(RecvTimeoutError::Timeout) => Err(WorkerError::Silent { role, patience }),
            Err(RecvTimeoutError::Disconnected) => Err(self.end()),
        }
    }

    /// Why a process that has closed its pipes has ended.
    fn end(&mut self) -> WorkerError {
        let role = self.role;
        let mut stderr = String::new();
        if let Some(pipe) = &mut self.child.stderr {
            // Whatever could be read is better than nothing.
            let _ = pipe.read_to_string(&mut stderr);
        }
        match self.child.wait() {
            Ok(status) => WorkerError::Ended { role, status, stderr: stderr.trim().to_owned() },
            Err(source) => WorkerError::Start { role, source },
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Fails only for one that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a pipe, read by a thread that ends with the pipe, so that one can wait for them
/// with a deadline.
fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}
