//! How does a connection get across?
//!
//! It is accepted, a second one is made to the target, and bytes are copied both ways. A side that
//! says it has no more to say (FIN) is passed on as that, and the other may still speak. What breaks
//! (RST, nobody listens) is passed on as a reset: a silent close would look like the end of the data.

use super::relay::{Place, Refusal};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

/// How long the target may take to answer. A host without an answer to ARP is given up after 3 s.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// The buffer of each direction: large enough that the copying costs more than the calls.
const BUFFER: usize = 32 << 10;

/// The pause when the kernel has no descriptor or memory for a connection, which stays in the queue.
pub(super) const SHORTAGE_PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections for ever.
pub(super) async fn serve(listener: TcpListener, place: Place) {
    loop {
        match listener.accept().await {
            Ok((client, from)) => admit(client, from, &place),
            // It was given up while it waited.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!("cannot accept connections to a published port: {error}");
                sleep(SHORTAGE_PAUSE).await;
            }
        }
    }
}

fn admit(client: TcpStream, from: SocketAddr, place: &Place) {
    let client = Unfinished::new(client);
    if !place.shared.origin.is_here(from.ip()) {
        return place.entry.refuse(Refusal::NotFromHost);
    }
    match place.shared.connections.clone().try_acquire_owned() {
        Ok(permit) => {
            place.entry.spawn(relay(client, from, place.clone(), permit));
        }
        Err(_) => place.entry.refuse(Refusal::TooMany),
    }
}

async fn relay(
    mut client: Unfinished,
    from: SocketAddr,
    place: Place,
    _permit: OwnedSemaphorePermit,
) {
    let target = place.target(from.ip());
    let Ok(Ok(server)) = timeout(CONNECT_PATIENCE, TcpStream::connect(target)).await else {
        return place.entry.refuse(Refusal::Unreachable);
    };
    let mut server = Unfinished::new(server);
    let _relayed = place.entry.relayed();
    for stream in [&client.stream, &server.stream] {
        // What one side sends at once is not held back for the other.
        let _ = stream.set_nodelay(true);
    }
    let copied =
        copy_bidirectional_with_sizes(&mut client.stream, &mut server.stream, BUFFER, BUFFER).await;
    client.finished = copied.is_ok();
    server.finished = copied.is_ok();
}

/// A connection that is reset when it is dropped unless both sides had said all they had to say: it
/// is refused, the other one broke, or the network ends.
struct Unfinished {
    stream: TcpStream,
    finished: bool,
}

impl Unfinished {
    fn new(stream: TcpStream) -> Self {
        Self { stream, finished: false }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            // Where it cannot be set the connection is gone already.
            let _ = self.stream.set_zero_linger();
        }
    }
}
