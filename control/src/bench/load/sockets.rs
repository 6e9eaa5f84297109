//! How do the ends find each other?
//!
//! The congestion control is chosen before a connection exists: BBR, once it has run on a socket,
//! leaves its pacing switched on there whatever comes after it. Where the choice is refused the
//! kernel's own stays, and the report says which it was.

use super::{Job, LoadError};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, connect, getsockopt, setsockopt, socket, sockopt,
};
use std::ffi::OsString;
use std::net::{SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

/// How long a connection may take to come about, retries included.
const CONNECT: Duration = Duration::from_secs(5);

/// Listens at the job's address; gives the port and the congestion control as well.
pub(super) fn listen(job: &Job) -> Result<(TcpListener, u16, String), LoadError> {
    let listener = TcpListener::bind(job.server).map_err(LoadError::traffic("listen"))?;
    let port = listener.local_addr().map_err(LoadError::traffic("listen"))?.port();
    // Accepted connections inherit it.
    let congestion = choose_congestion(&listener, &job.congestion)?;
    Ok((listener, port, congestion))
}

/// Accepts one connection.
pub(super) fn accept(listener: &TcpListener) -> Result<TcpStream, LoadError> {
    Ok(listener.accept().map_err(LoadError::traffic("accept a connection"))?.0)
}

/// Connects to the job's server; gives the congestion control as well.
pub(super) fn reach(job: &Job) -> Result<(TcpStream, String), LoadError> {
    reach_at(job.server, &job.congestion, |_| Ok(()))
}

/// Connects a socket that was set up by `set_up` before; gives the congestion control as well.
pub(super) fn reach_at(
    server: SocketAddrV4,
    congestion: &str,
    set_up: impl Fn(&TcpStream) -> Result<(), LoadError>,
) -> Result<(TcpStream, String), LoadError> {
    let address = SockaddrIn::from(server);
    let deadline = Instant::now() + CONNECT;
    loop {
        let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
            .map_err(LoadError::traffic("make a socket"))?;
        let stream = TcpStream::from(fd);
        set_up(&stream)?;
        let congestion = choose_congestion(&stream, congestion)?;
        match connect(stream.as_raw_fd(), &address) {
            Ok(()) => return Ok((stream, congestion)),
            // The path may need a moment: its neighbours are not known yet.
            Err(Errno::EHOSTUNREACH | Errno::ENETUNREACH) if Instant::now() < deadline => {}
            Err(errno) => return Err(LoadError::traffic("connect to the server")(errno)),
        }
    }
}

/// Asks for a congestion control and gives the one in force.
fn choose_congestion(fd: &impl AsFd, wanted: &str) -> Result<String, LoadError> {
    match setsockopt(fd, sockopt::TcpCongestion, &OsString::from(wanted)) {
        Ok(()) | Err(Errno::ENOENT | Errno::EPERM) => {}
        Err(errno) => return Err(LoadError::traffic("choose the congestion control")(errno)),
    }
    let chosen = getsockopt(fd, sockopt::TcpCongestion)
        .map_err(LoadError::traffic("read the congestion control"))?;
    Ok(chosen.to_string_lossy().trim_end_matches('\0').to_owned())
}
