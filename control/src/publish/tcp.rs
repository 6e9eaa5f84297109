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
    if !place.shared.origin.is_here(from.ip()) {
        return refuse(&client, place, Refusal::NotFromHost);
    }
    match place.shared.connections.clone().try_acquire_owned() {
        Ok(permit) => {
            tokio::spawn(relay(client, from, place.clone(), permit));
        }
        Err(_) => refuse(&client, place, Refusal::TooMany),
    }
}

fn refuse(client: &TcpStream, place: &Place, why: Refusal) {
    place.entry.refuse(why);
    reset(client);
}

/// Makes the end of the connection a reset.
fn reset(stream: &TcpStream) {
    // Where it cannot be set the connection is gone already.
    let _ = stream.set_zero_linger();
}

async fn relay(
    mut client: TcpStream,
    from: SocketAddr,
    place: Place,
    permit: OwnedSemaphorePermit,
) {
    let target = place.target(from.ip());
    let Ok(Ok(mut server)) = timeout(CONNECT_PATIENCE, TcpStream::connect(target)).await else {
        return refuse(&client, &place, Refusal::Unreachable);
    };
    let relayed = place.entry.relayed();
    for stream in [&client, &server] {
        // What one side sends at once is not held back for the other.
        let _ = stream.set_nodelay(true);
    }
    if copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await.is_err() {
        reset(&client);
        reset(&server);
    }
    drop((relayed, permit));
}
