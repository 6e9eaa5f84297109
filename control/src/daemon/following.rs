//! How does a network follow its host?
//!
//! Interfaces, addresses, routes and rules of the host change while the network stands. The kernel
//! tells that something did ([`Monitor`]); then everything is looked at again. Changes come in flocks,
//! so one waits a little for the rest of a flock; and a host whose routes never rest takes at most a
//! fifth of this thread's time.

use super::living::Living;
use crate::netlink::Monitor;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;
use tokio::time::{sleep, timeout};

/// How long one waits for the rest of a flock of changes.
const SETTLE: Duration = Duration::from_millis(50);

/// How long one waits when a change could not be followed, until it is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// How many times as long as it took to look one rests.
const REST: u32 = 4;

/// Follows the host as long as it can; a network without a router has nothing to follow.
pub(super) async fn follow(living: &Living, monitor: Option<Monitor>) -> Infallible {
    if let Some(monitor) = monitor {
        let Err(error) = listen(living, monitor).await;
        tracing::error!("changes of the host are not followed any more: {error}");
    }
    pending().await
}

async fn listen(living: &Living, monitor: Monitor) -> io::Result<Infallible> {
    #[expect(
        deprecated,
        reason = "its successor is unsafe: the descriptor must stay open, as that of a monitor does"
    )]
    let monitor = AsyncFd::new(monitor)?;
    let mut failed = false;
    loop {
        if failed {
            // Nothing may change any more that would wake us.
            if let Ok(ready) = timeout(RETRY, monitor.readable()).await {
                ready?.clear_ready();
            }
        } else {
            monitor.readable().await?.clear_ready();
        }
        sleep(SETTLE).await;
        // What comes from here on wakes us again.
        monitor.get_ref().drain()?;
        let begun = Instant::now();
        let followed = living.follow();
        if let (Err(error), false) = (&followed, failed) {
            tracing::warn!("cannot follow a change of the host yet: {error}");
        }
        failed = followed.is_err();
        sleep(begun.elapsed() * REST).await;
    }
}
