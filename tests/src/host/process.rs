//! How does a child end whatever the test does?
//!
//! A [`Running`] child is asked to end when it is dropped, then killed. What it leaves running behind
//! it, a network in the background for one, carries the host's mark in its environment, and is killed
//! by its process id when the host ends.

use super::{Host, wait};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The variable that marks all processes of a host.
const MARK: &str = "UDP_BRIDGE_TEST_HOST";

/// How long a child may take to end in order.
const ORDERLY_END: Duration = Duration::from_secs(10);

/// A mark that no other host has.
pub(super) fn new_mark() -> String {
    static HOSTS: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), HOSTS.fetch_add(1, Ordering::Relaxed))
}

/// A child whose output goes to files, so that it never waits for a reader.
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// How a child ended.
#[derive(Debug)]
pub struct Finished {
    /// Its status.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
}

impl Finished {
    /// The exit code; `None` after a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Itself if it ended well; panics with what it said otherwise.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.status.success(), "{self:#?}");
        self
    }
}

impl Host {
    /// Starts a program on this host.
    pub fn start(&self, command: &mut Command) -> Running {
        static CHILDREN: AtomicU32 = AtomicU32::new(0);
        let number = CHILDREN.fetch_add(1, Ordering::Relaxed);
        let file = |kind: &str| PathBuf::from(format!("/run/child-{number}.{kind}"));
        let (stdout, stderr) = (file("stdout"), file("stderr"));
        let child = command
            .env(MARK, &self.mark)
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Running { child, stdout, stderr }
    }

    /// Runs a program to its end.
    pub fn finish(&self, command: &mut Command) -> Finished {
        self.start(command).wait()
    }

    /// The processes on this host.
    pub fn processes(&self) -> Vec<Pid> {
        let mark = format!("{MARK}={}", self.mark);
        let numbers = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        let ours = numbers.filter(|pid| {
            // Empty for one that has ended and was not waited for.
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|all| all.split(|&byte| byte == 0).any(|one| one == mark.as_bytes()))
        });
        ours.map(Pid::from_raw).collect()
    }

    /// How many threads of these processes have this name.
    pub fn threads_named(&self, name: &str) -> usize {
        let threads = self.processes().into_iter().flat_map(|pid| {
            // One that has ended has none.
            fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten()
        });
        let names = threads.filter_map(|it| fs::read_to_string(it.path().join("comm")).ok());
        names.filter(|it| it.trim_end() == name).count()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            for pid in self.processes() {
                // It may have ended by itself.
                let _ = kill(pid, signal);
            }
            if wait::until(ORDERLY_END, || self.processes().is_empty().then_some(())).is_some() {
                return;
            }
        }
    }
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// What it printed so far.
    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    /// What it complained so far.
    pub fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Has it ended?
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Finished {
        let status = wait::until(wait::LONG, || self.child.try_wait().unwrap());
        let status = status.unwrap_or_else(|| {
            panic!(
                "process {} does not end; it said:\n{}{}",
                self.pid(),
                self.stdout(),
                self.stderr()
            )
        });
        Finished { status, stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        self.signal(Signal::SIGTERM);
        if wait::until(ORDERLY_END, || self.has_ended().then_some(())).is_none() {
            self.signal(Signal::SIGKILL);
            self.child.wait().unwrap();
        }
    }
}
