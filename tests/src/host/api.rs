//! How is a network or a daemon asked without the command? With HTTP written by hand.

use super::process::Running;
use super::{Host, STATE_DIR, wait};
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status; 0 if there was none.
    pub status: u16,
    /// The kind of its content.
    pub kind: Option<String>,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Why it was refused.
    pub fn detail(&self) -> String {
        assert_eq!(self.kind.as_deref(), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.json()["status"], self.status, "{self:?}");
        self.json()["detail"].as_str().unwrap().to_owned()
    }
}

impl Host {
    /// Starts a daemon, which answers when this returns.
    pub fn daemon(&self) -> Running {
        let daemon = self.start(&mut self.command("daemon"));
        wait::for_yes("the daemon answers", || self.daemon_socket().exists());
        daemon
    }

    /// The socket of the daemon.
    pub fn daemon_socket(&self) -> PathBuf {
        Path::new(STATE_DIR).join("api.sock")
    }

    /// Asks the daemon.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        ask_at(&self.daemon_socket(), method, path, body)
    }
}

/// Asks whoever listens on a socket.
pub fn ask_at(socket: &Path, method: &str, path: &str, body: &str) -> Answer {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    read(&say(socket, (head + body).as_bytes()))
}

/// Says something, HTTP or not, and returns all that is answered.
pub fn say(socket: &Path, words: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(wait::LONG)).unwrap();
    // It may be hung up on, and answered all the same.
    let _ = stream.write_all(words);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn read(answer: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = match header("transfer-encoding: chunked") {
        Some(_) => unchunked(body),
        None => body.to_owned(),
    };
    Answer { status, kind: header("content-type: ").map(str::to_owned), body }
}

/// A chunked body in one piece (RFC 9112 section 7.1).
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole += &rest[..length];
        body = rest[length..].trim_start_matches("\r\n");
    }
    whole
}
