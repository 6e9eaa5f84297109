//! How is slirp4netns started?
//!
//! With `--configure`, which sets up the TAP that it makes in the namespace. Ports are published one by one
//! over its socket, one request of JSON for a connection (`slirp4netns(1)`, "API SOCKET").

use super::namespace;
use super::outside::{self, PublishedPort};
use super::program::{self, Program, ProgramError};
use super::userspace::{END, Stack, Surroundings};
use super::{System, SystemError};
use crate::bench::shape::Shape;
use serde_json::json;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

const SLIRP: Program = Program { name: "slirp4netns", package: "slirp4netns" };
/// The most that it takes (its `--help`); libslirp keeps the rest of 64 KiB for itself.
const MAX_MTU: u16 = 65521;

/// What it calls itself.
pub(super) fn version() -> Result<String, ProgramError> {
    Ok(SLIRP.version("--version")?.replace(" version", ""))
}

/// Starts it.
pub(super) fn start(shape: &Shape, prefix: &str) -> Result<Stack, SystemError> {
    SLIRP.find()?;
    if shape.mtu > MAX_MTU {
        return Err(SystemError::Unable("slirp4netns takes no MTU above 65521"));
    }
    let around = Surroundings::make(prefix, shape.mtu)?;
    let socket = program::file(&format!("{prefix}.api"));
    let mut command = SLIRP.command()?;
    command.args(["--configure", "--disable-dns", "--netns-type=path"]);
    command.arg(format!("--mtu={}", shape.mtu)).arg("--api-socket").arg(&socket);
    command.arg(&around.inside).arg(END);
    let mut program = SLIRP.start(&mut command, &around.host, &format!("{prefix}.log"))?;
    program.wait_for("address", || namespace::has_address(&around.inside, END))?;
    program.wait_for("socket", || UnixStream::connect(&socket).is_ok())?;
    for port in outside::published(shape.published) {
        publish(&socket, port)
            .map_err(|source| ProgramError::Run { program: SLIRP.name, source })?;
    }
    Ok(Stack { system: System::Slirp, around, published: shape.published, program })
}

/// Publishes one port.
fn publish(socket: &Path, port: PublishedPort) -> io::Result<()> {
    let PublishedPort { from, to, protocol } = port;
    let request = json!({"execute": "add_hostfwd", "arguments": {
        "proto": protocol, "host_addr": "0.0.0.0", "host_port": from, "guest_port": to,
    }});
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(request.to_string().as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let answer: serde_json::Value = serde_json::from_str(&answer)?;
    match answer.get("error") {
        Some(error) => Err(io::Error::other(format!("it publishes no port: {error}"))),
        None => Ok(()),
    }
}
