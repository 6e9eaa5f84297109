//! Client and server over a real socket, with networks that are made up.
//!
//! | file | about |
//! |---|---|
//! | [`asking`] | what the client asks, the server answers |
//! | [`patience`] | clients that send garbage, too much, nothing, or are too many |
//! | [`contract`] | the answers are as `openapi.json` describes them |

mod asking;
mod contract;
mod patience;

use super::change::{Changed, Edit, LimitsInfo, NewPublished, NewRule};
use super::client::{Client, NetworkClient};
use super::creation::{ClearedInfo, Created, NewNetwork};
use super::file::{Applied, SandboxInfo};
use super::flow::Flow;
use super::flow::serve::FlowPages;
use super::flow::tests::flows;
use super::protocol::{
    Counters, DaemonInfo, DropCount, FdbInfo, FdbOrigin, FillInfo, Hits, NetworkInfo, PortInfo,
    Problem, PublishedInfo, RefusalCount, RuleInfo, RulesInfo, TablesInfo,
};
use super::server::{self, Daemon, Network, Patience, Pending};
use crate::capture::Names;
use crate::daemon::change::{self, Request};
use axum::http::StatusCode;
use dataplane::capture::{Capture, Catch, Spec};
use dataplane::engine::{CaptureError, EngineStopped, FlowKey};
use dataplane::outcome::{DropReason, PortId};
use dataplane::pipeline::Story;
use dataplane::wire::ethernet::MacAddr;
use std::io::{Read, Write};
use std::num::NonZeroU64;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::sync::Notify;

/// A network of one port whose dataplane may have stopped.
pub(super) struct OnePort {
    /// The engine's end of the last capture.
    pub(super) capture: Arc<Mutex<Option<Capture>>>,
    running: bool,
    /// Pages of flows; the last may be one that cannot be read.
    pages: Vec<Result<Vec<Flow>, ()>>,
    removed: Arc<Mutex<Vec<FlowKey>>>,
    /// Those that were made and have nothing to tell.
    edits: Arc<Mutex<Vec<Edit>>>,
}

impl Network for OnePort {
    fn network(&self) -> NetworkInfo {
        NetworkInfo {
            name: "ub0".to_owned(),
            pid: 7,
            rootless: false,
            uptime_seconds: 3,
            subnet: "172.16.1.0/24".parse().unwrap(),
            subnet6: Some("fd00::/64".parse().unwrap()),
            mtu: 1500,
            host_if: "ub0".to_owned(),
            ports: 1,
        }
    }

    fn ports(&self) -> Vec<PortInfo> {
        vec![PortInfo {
            number: 1,
            name: "ub0-1".to_owned(),
            alive: true,
            isolated: false,
            namespace: Some("ub0-1".to_owned()),
            interface: "eth0".to_owned(),
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            ipv4: "172.16.1.2/24".parse().unwrap(),
            ipv6: None,
            mtu: 1500,
            offloads: vec!["csum".to_owned()],
            limits: LimitsInfo { flows: NonZeroU64::new(5), ..LimitsInfo::default() },
            counters: counters(),
            ring_drops: None,
        }]
    }

    fn fdb(&self) -> Option<Vec<FdbInfo>> {
        let entry = FdbInfo {
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            port: "ub0-1".to_owned(),
            origin: FdbOrigin::Static,
            age_seconds: None,
        };
        self.running.then(|| vec![entry])
    }

    fn tables(&self) -> Option<TablesInfo> {
        let fdb = FillInfo { used: 1, limit: 8192 };
        self.running.then(|| TablesInfo { fdb, ..TablesInfo::default() })
    }

    fn published(&self) -> Vec<PublishedInfo> {
        vec![PublishedInfo {
            protocol: "tcp".to_owned(),
            address: None,
            first_port: 8080,
            last_port: 8080,
            port: "ub0-1".to_owned(),
            target_ipv4: "172.16.1.2".parse().unwrap(),
            target_ipv6: None,
            target_first_port: 80,
            target_last_port: 80,
            relayed_now: 0,
            relayed_total: 0,
            refused: vec![RefusalCount {
                reason: "too-many".to_owned(),
                count: 2,
                explanation: "As many as can be.".to_owned(),
            }],
        }]
    }

    fn rules(&self) -> RulesInfo {
        let hits = Some(Hits { packets: 3, bytes: 180 });
        let rule = RuleInfo {
            place: "rules.toml:2".to_owned(),
            from: Some("ub0-1".to_owned()),
            sources: vec!["fd00::/64".parse().unwrap()],
            verdict: "drop".to_owned(),
            hits,
            ..RuleInfo::default()
        };
        RulesInfo { rules: vec![rule], policy: "accept".to_owned(), ..RulesInfo::default() }
    }

    fn port_names(&self) -> Vec<String> {
        ["ub0", "ub0-1", "ub0-2"].map(str::to_owned).to_vec()
    }

    fn flows(&self) -> FlowPages {
        if !self.running {
            return Box::new(std::iter::once(Err(EngineStopped)));
        }
        let pages = self.pages.clone().into_iter();
        Box::new(pages.map(|page| page.map_err(|()| EngineStopped)))
    }

    fn flow_count(&self) -> Result<usize, EngineStopped> {
        if self.running { Ok(3) } else { Err(EngineStopped) }
    }

    fn remove_flows(&self, which: Vec<FlowKey>) -> Result<usize, EngineStopped> {
        let count = which.len();
        self.removed.lock().unwrap().extend(which);
        Ok(count)
    }

    fn flush_flows(&self) -> Result<usize, EngineStopped> {
        self.flow_count()
    }

    fn names(&self) -> Names {
        Names { ports: self.port_names(), rules: Vec::new() }
    }

    fn capture(&self, spec: Spec) -> Result<Catch, CaptureError> {
        if !self.running {
            return Err(EngineStopped.into());
        }
        let (capture, catch) = dataplane::capture::begin(spec, 3);
        *self.capture.lock().unwrap() = Some(capture);
        Ok(catch)
    }

    fn explain(&self, _: PortId, _: Vec<u8>) -> Result<Result<Story, DropReason>, EngineStopped> {
        Err(EngineStopped)
    }

    fn next_hop(&self) -> Option<MacAddr> {
        None
    }
}

impl OnePort {
    /// Three flows on three pages, and empty pages among them.
    pub(super) fn new(running: bool) -> Self {
        let [a, b, c] = flows().try_into().unwrap();
        let pages = vec![vec![], vec![a], vec![], vec![], vec![b], vec![c], vec![]];
        Self {
            capture: Arc::default(),
            running,
            pages: pages.into_iter().map(Ok).collect(),
            removed: Arc::default(),
            edits: Arc::default(),
        }
    }

    /// What becomes of an edit.
    fn edit(&self, edit: Edit) -> Result<Changed, Problem> {
        let refuse = |status, detail: &str| Err(Problem::new(status, detail));
        match edit {
            _ if !self.running => refuse(StatusCode::SERVICE_UNAVAILABLE, "it has stopped"),
            Edit::Publish(NewPublished { publish }) if publish.is_empty() => {
                refuse(StatusCode::BAD_REQUEST, "nothing is no port")
            }
            Edit::Publish(NewPublished { publish }) if publish.starts_with("22:") => {
                refuse(StatusCode::CONFLICT, "it is in use")
            }
            Edit::Publish(new) => Ok(Changed::Published(new.publish + "/tcp")),
            Edit::AddRule(NewRule { at, .. }) => Ok(Changed::Rule(at.unwrap_or(1))),
            Edit::RemoveRule(1..) => refuse(StatusCode::NOT_FOUND, "there is one rule"),
            edit => {
                self.edits.lock().unwrap().push(edit);
                Ok(Changed::Done)
            }
        }
    }
}

fn counters() -> Counters {
    let drops = vec![DropCount {
        reason: "zero-source-mac".to_owned(),
        frames: 2,
        explanation: "The source MAC is all zeroes.".to_owned(),
    }];
    Counters { received_frames: 5, dropped_frames: 2, drops, ..Counters::default() }
}

/// A process that holds the one network `ub0`, and can make `web` and end `ub0`.
struct House {
    network: Arc<OnePort>,
    end: Arc<Notify>,
}

impl Daemon for House {
    fn describe(&self) -> DaemonInfo {
        DaemonInfo {
            version: "1.2.3".to_owned(),
            pid: 7,
            rootless: false,
            uptime_seconds: 3,
            alone: None,
            networks: 1,
            clients: Default::default(),
        }
    }

    fn networks(&self) -> Vec<Arc<dyn Network>> {
        vec![self.network.clone()]
    }

    fn network(&self, name: &str) -> Option<Arc<dyn Network>> {
        (name == "ub0").then(|| self.network.clone() as Arc<dyn Network>)
    }

    fn create(&self, new: NewNetwork) -> Pending<Created> {
        let refuse = |status, words| Err(Problem::new(status, words));
        let made = match (&*new.name, new.ports) {
            (_, 0) => refuse(StatusCode::BAD_REQUEST, "--ports 0 makes no network"),
            ("ub0", _) => refuse(StatusCode::CONFLICT, "--name ub0: it is up"),
            ("broken", _) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "cannot make broken-1"),
            ("late", _) => refuse(StatusCode::SERVICE_UNAVAILABLE, "the daemon is ending"),
            _ => Ok(Created {
                network: NetworkInfo { name: new.name, ..self.network.network() },
                ports: self.network.ports(),
                cleared: Some(ClearedInfo::default()),
                warnings: vec!["there is no IPv6 here".to_owned()],
            }),
        };
        Box::pin(async { made })
    }

    fn delete(&self, name: &str) -> Option<Pending<()>> {
        let gone: Pending<()> = if self.network.running {
            Box::pin(async { Ok(()) })
        } else {
            let words = "1 things could not be removed, see above";
            Box::pin(async { Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, words)) })
        };
        (name == "ub0").then_some(gone)
    }

    fn edit(&self, name: &str, edit: Edit) -> Option<Pending<Changed>> {
        (name == "ub0").then(|| {
            let changed = self.network.edit(edit);
            Box::pin(async { changed }) as Pending<Changed>
        })
    }

    fn change(&self, request: Request, dry_run: bool) -> Pending<Applied> {
        let asked = match &request {
            Request::Edit(
                change::Edit::Connect { network, .. } | change::Edit::Disconnect { network, .. },
            ) => network.as_str(),
            _ => "ub0",
        };
        let unknown = Problem::new(StatusCode::NOT_FOUND, "there is no such network");
        let steps = usize::from(!dry_run);
        let done = Applied { steps, text: "nothing to do".to_owned() };
        let answer = if asked == "ub0" { Ok(done) } else { Err(unknown) };
        Box::pin(async { answer })
    }

    fn config(&self) -> Pending<String> {
        Box::pin(async { Ok("version = 1\n".to_owned()) })
    }

    fn sandboxes(&self) -> Pending<Vec<SandboxInfo>> {
        let host = SandboxInfo { name: "own".to_owned(), namespace: None };
        let web = SandboxInfo { name: "web".to_owned(), namespace: Some("/run/netns/web".into()) };
        Box::pin(async { Ok(vec![host, web]) })
    }

    fn stop(&self) {
        self.end.notify_one();
    }
}

pub(super) struct Served {
    _folder: TempDir,
    socket: PathBuf,
    end: Arc<Notify>,
    removed: Arc<Mutex<Vec<FlowKey>>>,
    edits: Arc<Mutex<Vec<Edit>>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    pub(super) fn new(running: bool) -> Self {
        Self::of(OnePort::new(running))
    }

    pub(super) fn of(network: OnePort) -> Self {
        Self::with(network, Patience::default())
    }

    fn with(network: OnePort, patience: Patience) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join(super::SOCKET_NAME);
        let (end, removed) = (Arc::new(Notify::new()), Arc::clone(&network.removed));
        let edits = Arc::clone(&network.edits);
        let house = Arc::new(House { network: Arc::new(network), end: end.clone() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = {
            let _inside = runtime.enter();
            server::bind(&socket).unwrap()
        };
        let until = end.clone();
        let thread = std::thread::spawn(move || {
            let until = async move { until.notified().await };
            runtime.block_on(server::serve(listener, house, patience, until));
        });
        Self { _folder: folder, socket, end, removed, edits, thread: Some(thread) }
    }

    fn client(&self) -> Client {
        Client::new(self.socket.clone())
    }

    /// The way to its network.
    pub(super) fn network(&self) -> NetworkClient {
        self.client().network("ub0")
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        stream
    }

    /// The whole answer to a request written by hand.
    fn raw(&self, method: &str, path: &str) -> String {
        self.raw_with(method, path, "")
    }

    /// The same with a body.
    fn raw_with(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = self.connect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.end.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
