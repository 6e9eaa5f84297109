//! How do networks follow their host?
//!
//! Interfaces, addresses, routes and rules of the host change while networks stand. The kernel tells that
//! something did ([`Monitor`]); then one looks at everything again, and each network follows, one after
//! the other and beside the process's own loop. Changes come in flocks, so one waits a little for the
//! rest of a flock; and a host whose routes never rest takes at most a fifth of a thread's time.

use super::networks::Networks;
use crate::api::server::Network as _;
use crate::netlink::Monitor;
use crate::topology::Outlook;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{sleep, timeout};

/// How long one waits for the rest of a flock of changes.
const SETTLE: Duration = Duration::from_millis(50);

/// How long one waits when a change could not be followed, until it is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// How many times as long as it took to look one rests.
const REST: u32 = 4;

impl Networks {
    /// Lets all networks know of each other now. One that fails does so when the host's changes are followed.
    pub(super) fn tell_all(&self) {
        let seen = match Outlook::look(&self.circumstances().site) {
            Ok(seen) => seen,
            Err(error) => return tracing::warn!("networks do not know of all others: {error}"),
        };
        for living in self.living() {
            if let Err(error) = living.follow(&seen) {
                tracing::warn!("network {} does not know all others: {error}", living.network.name);
            }
        }
    }
}

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
    let mut failed = false;
    loop {
        let changed = async {
            tokio::select! {
                ready = monitor.readable() => ready.map(|mut ready| ready.clear_ready()),
                // What changed since it looked first was heard before it could be told.
                () = networks.newcomer() => Ok(()),
            }
        };
        if failed {
            // Nothing may change any more that would wake us.
            timeout(RETRY, changed).await.unwrap_or(Ok(()))?;
        } else {
            changed.await?;
        }
        sleep(SETTLE).await;
        // What comes from here on wakes us again.
        monitor.get_ref().drain()?;
        let begun = Instant::now();
        failed = !follow_all(networks, failed).await;
        sleep(begun.elapsed() * REST).await;
    }
}

/// Lets each network follow; did all of them? Failures are told but when it is `tried` again.
async fn follow_all(networks: &Networks, tried: bool) -> bool {
    let site = networks.circumstances().site.clone();
    let seen = match spawn_blocking(move || Outlook::look(&site)).await {
        Ok(Ok(seen)) => Arc::new(seen),
        Ok(Err(error)) => return told(tried, || format!("the host cannot be looked at: {error}")),
        Err(panic) => return broken(&panic),
    };
    let mut all = true;
    for living in networks.living() {
        let (name, seen) = (living.network().name, seen.clone());
        all &= match spawn_blocking(move || living.follow(&seen)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => told(tried, || {
                format!("network {name} cannot follow a change of the host yet: {error}")
            }),
            Err(panic) => broken(&panic),
        };
    }
    all
}

/// Warns, but for what was tried before.
fn told(tried: bool, what: impl FnOnce() -> String) -> bool {
    if !tried {
        tracing::warn!("{}", what());
    }
    false
}

fn broken(panic: &JoinError) -> bool {
    tracing::error!("a network cannot follow its host: {panic}; please report this");
    false
}
