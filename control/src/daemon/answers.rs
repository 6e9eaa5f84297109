//! What does the process answer over the api?

use super::StartError;
use super::change::{self, Change, ChangeError, Edit, Request, SandboxPlace};
use super::networks::{Networks, Started, lock};
use super::running::Door;
use crate::api::change as api;
use crate::api::creation::{ClearedInfo, Created, NewNetwork};
use crate::api::file::{Applied, SandboxInfo};
use crate::api::protocol::{ClientsInfo, DaemonInfo, Problem};
use crate::api::server::{self, Network, Pending};
use crate::topology::Cleared;
use axum::http::StatusCode;
use std::process;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// The networks as the api sees them.
pub(super) struct Answers(pub(super) Arc<Networks>);

impl server::Daemon for Answers {
    fn describe(&self) -> DaemonInfo {
        let circumstances = self.0.circumstances();
        let networks = self.0.living();
        let alone = networks.first().filter(|_| circumstances.door == Door::Own);
        DaemonInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: process::id(),
            rootless: circumstances.rootless,
            uptime_seconds: self.0.since().elapsed().as_secs(),
            alone: alone.map(|living| living.network().name),
            networks: networks.len(),
            clients: ClientsInfo::default(),
        }
    }

    fn networks(&self) -> Vec<Arc<dyn Network>> {
        self.0.living().into_iter().map(|living| living as Arc<dyn Network>).collect()
    }

    fn network(&self, name: &str) -> Option<Arc<dyn Network>> {
        let living = self.0.member(name)?.living;
        (!living.is_ending()).then_some(living as Arc<dyn Network>)
    }

    fn create(&self, new: NewNetwork) -> Pending<Created> {
        let networks = self.0.clone();
        // A task of its own: a client that goes away leaves no network half made.
        let made = tokio::spawn(async move {
            let started = networks.start(new.into()).await;
            let started = started.map_err(|error| refusal(&error))?;
            spawn_blocking(move || started.created()).await.map_err(|panic| broken(&panic))
        });
        Box::pin(async { made.await.unwrap_or_else(|panic| Err(broken(&panic))) })
    }

    fn delete(&self, name: &str) -> Option<Pending<()>> {
        let member = self.0.member(name)?;
        let (networks, name) = (self.0.clone(), name.to_owned());
        let (all, one) = (networks.clone(), name.clone());
        let is_of_file = beside(move || lock(&all.held).is_of_file(&one));
        // A task of its own, as of `changed`.
        let ended = tokio::spawn(async move {
            if is_of_file.await? {
                let request = Request::Edit(Edit::Remove(name));
                return change(networks, request, false).await.map(|_| ()).map_err(Problem::from);
            }
            member.living.stop("request");
            let ended = member.ended().await.map_err(|error| {
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
            });
            beside(move || networks.forget()).await?;
            ended
        });
        Some(Box::pin(async { ended.await.unwrap_or_else(|panic| Err(broken(&panic))) }))
    }

    fn edit(&self, name: &str, edit: api::Edit) -> Option<Pending<api::Changed>> {
        self.0.member(name)?;
        let request = Request::Edit(Edit::Network { network: name.to_owned(), edit });
        let made = self.changed(request, false);
        Some(Box::pin(async { Ok(made.await?.changed) }))
    }

    fn change(&self, request: Request, dry_run: bool) -> Pending<Applied> {
        let made = self.changed(request, dry_run);
        Box::pin(async {
            let change = made.await?;
            Ok(Applied { steps: change.plan.steps().len(), text: change.plan.to_string() })
        })
    }

    fn config(&self) -> Pending<String> {
        let networks = self.0.clone();
        beside(move || {
            let mut held = lock(&networks.held);
            change::forget(&networks, &mut held);
            held.config()
        })
    }

    fn sandboxes(&self) -> Pending<Vec<SandboxInfo>> {
        let networks = self.0.clone();
        beside(move || {
            let mut held = lock(&networks.held);
            change::forget(&networks, &mut held);
            let info = |place: SandboxPlace| SandboxInfo {
                name: place.name,
                namespace: place.namespace.map(|path| path.display().to_string()),
            };
            held.places().into_iter().map(info).collect()
        })
    }

    fn stop(&self) {
        self.0.stop("request");
    }
}

impl Answers {
    fn changed(&self, request: Request, dry_run: bool) -> Pending<Change> {
        // A task of its own: a client that goes away leaves nothing half done.
        let made = tokio::spawn(change(self.0.clone(), request, dry_run));
        Box::pin(async {
            let made = made.await.map_err(|panic| broken(&panic))?;
            made.map_err(Problem::from)
        })
    }
}

/// Does something that may wait for a change under way.
fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Pending<T> {
    let asked = spawn_blocking(work);
    Box::pin(async { asked.await.map_err(|panic| broken(&panic)) })
}

/// Changes what runs, on a thread beside.
pub(super) async fn change(
    networks: Arc<Networks>,
    request: Request,
    dry_run: bool,
) -> Result<Change, ChangeError> {
    let changed = spawn_blocking(move || change::change(&networks, request, dry_run)).await;
    changed.unwrap_or_else(|panic| Err(ChangeError::Broken(panic)))
}

impl Started {
    /// What is told of a network that was just made.
    pub fn created(&self) -> Created {
        let cleared = self.cleared.as_ref();
        Created {
            network: self.living.network(),
            ports: self.living.ports(),
            cleared: cleared.map(|Cleared { namespaces, left, .. }| ClearedInfo {
                namespaces: namespaces.clone(),
                left: left.clone(),
            }),
            warnings: self.living.warnings(),
        }
    }
}

fn refusal(error: &StartError) -> Problem {
    let status = match error {
        StartError::Ending => StatusCode::SERVICE_UNAVAILABLE,
        _ if error.is_conflict() => StatusCode::CONFLICT,
        _ if error.is_bad_input() => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, &error.to_string())
}

fn broken(panic: &tokio::task::JoinError) -> Problem {
    let detail = format!("the network cannot be told of: {panic}; please report this");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, &detail)
}
