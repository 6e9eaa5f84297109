//! Who looks at a network while it is measured?

use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use udp_bridge_tests::host::api::ask_at;
use udp_bridge_tests::host::process::Running;
use udp_bridge_tests::host::{Host, STATE_DIR, wait};

/// The network that is looked at.
pub(crate) const NETWORK: &str = "ub0";
/// How often metrics are read, and `top` draws.
const INTERVAL: Duration = Duration::from_secs(1);
/// The terminal of `top`.
const SIZE: Winsize = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };

/// A way to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Nobody does: how much two measurements of the same differ.
    Nobody,
    /// `top` on a terminal.
    Top,
    /// `/metrics`, once a second.
    Scrape,
    /// A capture of all frames.
    CaptureAll,
    /// A capture whose filter matches none.
    CaptureNone,
}

impl Way {
    pub(crate) const ALL: [Self; 5] =
        [Self::Nobody, Self::Top, Self::Scrape, Self::CaptureAll, Self::CaptureNone];

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Top => "top",
            Self::Scrape => "/metrics each second",
            Self::CaptureAll => "capture all -w /dev/null",
            Self::CaptureNone => "capture, no frame matches",
        }
    }

    /// Begins to look.
    pub(crate) fn begin(self, host: &Host) -> Looking {
        match self {
            Self::Nobody => Looking::Nobody,
            Self::Top => top(host),
            Self::Scrape => scrape(),
            Self::CaptureAll => capture(host, ""),
            // An address that nobody here has (RFC 5737).
            Self::CaptureNone => capture(host, "host 203.0.113.1"),
        }
    }
}

/// Somebody who looks.
pub(crate) enum Looking {
    Nobody,
    Top { child: Child, reader: JoinHandle<u64> },
    Scrape { stop: Sender<()>, thread: JoinHandle<u64> },
    Capture(Running),
}

impl Looking {
    /// The process that looks, if it is one of its own.
    pub(crate) fn process(&self) -> Option<Pid> {
        match self {
            Self::Nobody | Self::Scrape { .. } => None,
            Self::Top { child, .. } => Some(Pid::from_raw(child.id() as i32)),
            Self::Capture(running) => Some(running.pid()),
        }
    }

    /// Ends it; gives how much was seen: bytes of the screen, answers, frames.
    pub(crate) fn end(self) -> u64 {
        match self {
            Self::Nobody => 0,
            Self::Top { mut child, reader } => {
                child.kill().unwrap();
                child.wait().unwrap();
                reader.join().unwrap()
            }
            Self::Scrape { stop, thread } => {
                drop(stop);
                thread.join().unwrap()
            }
            Self::Capture(running) => {
                running.signal(Signal::SIGINT);
                // "N frames captured, …"
                let said = running.wait().ok().stderr;
                let frames = said.split(' ').next().unwrap_or_default().replace(',', "");
                frames.parse().unwrap_or_else(|error| panic!("{error}: {said:?}"))
            }
        }
    }
}

fn top(host: &Host) -> Looking {
    let OpenptyResult { master, slave } = openpty(Some(&SIZE), None).unwrap();
    let side = || Stdio::from(slave.try_clone().unwrap());
    let mut command = host.command(&format!("top {NETWORK}"));
    command.env("TERM", "xterm-256color").stdin(side()).stdout(side()).stderr(side());
    let child = command.spawn().unwrap();
    // Only the child has the terminal now; the command holds copies of it as well.
    drop((command, slave));
    let mut screen = File::from(master);
    let (drawn, first) = mpsc::channel();
    let reader = thread::spawn(move || {
        let (mut chunk, mut bytes) = ([0; 4096], 0);
        // It is closed when the child has ended.
        while let Ok(length @ 1..) = screen.read(&mut chunk) {
            bytes += length as u64;
            // Nobody waits any more but for the first.
            let _ = drawn.send(());
        }
        bytes
    });
    first.recv_timeout(wait::LONG).expect("top draws nothing");
    Looking::Top { child, reader }
}

fn scrape() -> Looking {
    let socket: PathBuf = Path::new(STATE_DIR).join(NETWORK).join("api.sock");
    let (stop, stopped) = mpsc::channel();
    let thread = thread::spawn(move || {
        let mut answers = 0;
        loop {
            let answer = ask_at(&socket, "GET", "/metrics", "");
            assert_eq!(answer.status, 200, "{answer:?}");
            answers += 1;
            if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                return answers;
            }
        }
    });
    Looking::Scrape { stop, thread }
}

fn capture(host: &Host, filter: &str) -> Looking {
    let mut command =
        host.command(&format!("capture all --network {NETWORK} -w /dev/null {filter}"));
    let running = host.start(&mut command);
    // It has asked, and is heard long before the measured span opens.
    let io = format!("/proc/{}/io", running.pid());
    wait::for_yes("the capture has begun", || {
        fs::read_to_string(&io)
            .unwrap()
            .lines()
            .any(|line| line.strip_prefix("wchar: ").is_some_and(|written| written != "0"))
    });
    Looking::Capture(running)
}
