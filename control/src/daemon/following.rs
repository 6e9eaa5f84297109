//! How do networks follow their host?
//!
//! Interfaces, addresses, routes and rules of the host change while networks stand. The kernel tells
//! that something did ([`Monitor`]); then each network looks at everything again, one after the other
//! and beside the process's own loop. Changes come in flocks, so one waits a little for the rest of a
//! flock; and a host whose routes never rest takes at most a fifth of a thread's time.

use super::networks::Networks;
use crate::netlink::Monitor;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// How long one waits for the rest of a flock of changes.
const SETTLE: Duration = Duration::from_millis(50);

/// How many times as long as it took to look one rests.
const REST: u32 = 4;

/// Follows the host as long as it can.
pub(super) async fn follow(networks: &Networks, monitor: Monitor) -> Infallible {
    let Err(error) = listen(networks, monitor).await;
    tracing::error!("changes of the host are not followed any more: {error}");
    pending().await
}

async fn listen(networks: &Networks, monitor: Monitor) -> io::Result<Infallible> {
    #[expect(
        deprecated,
        reason = "its successor is unsafe: the descriptor must stay open, as that of a monitor does"
    )]
    let monitor = AsyncFd::new(monitor)?;
    loop {
        tokio::select! {
            ready = monitor.readable() => ready?.clear_ready(),
            // What changed since it looked first was heard before it could be told.
            () = networks.newcomer() => {}
        }
        sleep(SETTLE).await;
        // What comes from here on wakes us again.
        monitor.get_ref().drain()?;
        let begun = Instant::now();
        for living in networks.living() {
            if let Err(panic) = spawn_blocking(move || living.follow()).await {
                tracing::error!("a network did not follow its host: {panic}; please report this");
            }
        }
        sleep(begun.elapsed() * REST).await;
    }
}
