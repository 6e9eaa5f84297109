//! Client and server over a real socket.

use super::client::{Client, ClientError};
use super::flow::serve::FlowPages;
use super::flow::tests::{flows, infos};
use super::flow::{Flow, FlowFilter, FlowInfo};
use super::protocol::{
    Counters, FdbInfo, FdbOrigin, Hits, NetworkInfo, PortInfo, PublishedInfo, RuleInfo, RulesInfo,
};
use super::server::{self, Network};
use crate::capture::Names;
use dataplane::capture::{Capture, Catch, Spec};
use dataplane::engine::{CaptureError, EngineStopped, FlowKey};
use dataplane::outcome::{DropReason, PortId};
use dataplane::pipeline::Story;
use dataplane::wire::ethernet::MacAddr;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
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
    end: Arc<Notify>,
    /// Pages of flows; the last may be one that cannot be read.
    pages: Vec<Result<Vec<Flow>, ()>>,
    removed: Arc<Mutex<Vec<FlowKey>>>,
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
            counters: Counters { received_frames: 5, ..Counters::default() },
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
            refused: Vec::new(),
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
        let (capture, catch) = dataplane::capture::begin(spec, 2);
        *self.capture.lock().unwrap() = Some(capture);
        Ok(catch)
    }

    fn explain(&self, _: PortId, _: Vec<u8>) -> Result<Result<Story, DropReason>, EngineStopped> {
        Err(EngineStopped)
    }

    fn next_hop(&self) -> Option<MacAddr> {
        None
    }

    fn stop(&self) {
        self.end.notify_one();
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
            end: Arc::default(),
            pages: pages.into_iter().map(Ok).collect(),
            removed: Arc::default(),
        }
    }
}

pub(super) struct Served {
    _folder: TempDir,
    socket: PathBuf,
    end: Arc<Notify>,
    removed: Arc<Mutex<Vec<FlowKey>>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    pub(super) fn new(running: bool) -> Self {
        Self::of(OnePort::new(running))
    }

    pub(super) fn of(network: OnePort) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join(super::SOCKET_NAME);
        let (end, removed) = (Arc::clone(&network.end), Arc::clone(&network.removed));
        let network = Arc::new(network);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = {
            let _inside = runtime.enter();
            server::bind(&socket).unwrap()
        };
        let until = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            let until = async move { until.notified().await };
            runtime.block_on(server::serve(listener, network, until)).unwrap();
        });
        Self { _folder: folder, socket, end, removed, thread: Some(thread) }
    }

    pub(super) fn client(&self) -> Client {
        Client::new(self.socket.clone())
    }

    /// The whole answer to a request written by hand.
    fn raw(&self, method: &str, path: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
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

#[test]
fn the_client_reads_what_the_server_tells() {
    let served = Served::new(true);
    let network = OnePort::new(true);
    assert_eq!(served.client().network().unwrap(), network.network());
    assert_eq!(served.client().ports().unwrap(), network.ports());
    assert_eq!(served.client().published().unwrap(), network.published());
    assert_eq!(Some(served.client().fdb().unwrap()), network.fdb());
    assert_eq!(served.client().rules().unwrap(), network.rules());
}

#[test]
fn a_stop_is_answered_before_the_server_ends() {
    let mut served = Served::new(true);
    assert_eq!(served.client().stop().unwrap().stopping, "ub0");
    served.thread.take().unwrap().join().unwrap();
}

#[test]
fn a_stopped_dataplane_is_told_as_a_problem() {
    let served = Served::new(false);
    match served.client().fdb() {
        Err(ClientError::Refused { problem, .. }) => assert_eq!(problem.status, 503),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unknown_path_is_404_and_a_wrong_method_405() {
    let served = Served::new(true);
    let answer = served.raw("GET", "/v2/ports");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(answer.contains("there is no /v2/ports"), "{answer}");
    let answer = served.raw("GET", "/v1/stop");
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(answer.contains("/v1/stop takes POST, not GET"), "{answer}");
}

#[test]
fn only_the_owner_may_connect() {
    let served = Served::new(true);
    let mode = std::fs::metadata(&served.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_socket_without_a_process_behind_it_is_told_apart_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join(super::SOCKET_NAME);
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let answer = Client::new(socket.clone()).network();
    assert!(matches!(answer, Err(ClientError::NotRunning { .. })), "{answer:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    server::bind(&socket).unwrap();
}

/// The lines of flows that match a query.
fn listed(served: &Served, query: &str) -> Result<Vec<FlowInfo>, ClientError> {
    let mut infos = Vec::new();
    let filter: FlowFilter = query.parse().unwrap();
    served.client().flows(&filter, &mut |line| {
        infos.push(serde_json::from_slice(line).unwrap());
        ControlFlow::Continue(())
    })?;
    Ok(infos)
}

#[test]
fn flows_of_all_pages_are_listed_with_the_names_of_their_ports() {
    let served = Served::new(true);
    assert_eq!(listed(&served, "").unwrap(), infos());
    assert_eq!(listed(&served, "port=ub0-2").unwrap(), infos()[1..2]);
    assert_eq!(listed(&served, "port=1&protocol=gre").unwrap(), infos()[2..]);
    assert_eq!(listed(&served, "orig-src=10.0.0.1").unwrap(), []);
}

#[test]
fn a_reader_that_has_enough_ends_the_listing() {
    let served = Served::new(true);
    let mut lines = 0;
    let ended = served.client().flows(&FlowFilter::default(), &mut |_| {
        lines += 1;
        ControlFlow::Break(())
    });
    assert!(ended.is_ok() && lines == 1, "{ended:?}, {lines}");
}

#[test]
fn flows_are_counted_with_and_without_a_filter() {
    let client = Served::new(true);
    let count = |query: &str| client.client().flow_count(&query.parse().unwrap()).unwrap().flows;
    assert_eq!(["", "family=ipv4", "protocol=tcp", "state=CLOSE"].map(count), [3, 2, 1, 0]);
}

#[test]
fn flows_that_match_are_removed_and_told() {
    let served = Served::new(true);
    let mut told = 0;
    let filter = "family=ipv4".parse().unwrap();
    let removed = served.client().remove_flows(&filter, &mut |_| {
        told += 1;
        ControlFlow::Continue(())
    });
    removed.unwrap();
    let keys: Vec<_> = flows().iter().map(Flow::key).collect();
    assert_eq!(*served.removed.lock().unwrap(), keys[..2]);
    assert_eq!(told, 2);
    assert_eq!(served.client().flush_flows().unwrap().flows, 3);
}

#[test]
fn a_dataplane_that_stops_meanwhile_breaks_the_listing_off() {
    let mut network = OnePort::new(true);
    network.pages.push(Err(()));
    let served = Served::of(network);
    let answer = listed(&served, "");
    assert!(matches!(answer, Err(ClientError::Exchange { .. })), "{answer:?}");
    let served = Served::new(false);
    for answer in [
        listed(&served, "").map(drop),
        served.client().flush_flows().map(drop),
        served.client().flow_count(&FlowFilter::default()).map(drop),
        served.client().flow_count(&"protocol=6".parse().unwrap()).map(drop),
    ] {
        match answer {
            Err(ClientError::Refused { problem, .. }) => assert_eq!(problem.status, 503),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_query_that_makes_no_sense_is_400_and_changes_nothing() {
    let served = Served::new(true);
    for (query, words) in [
        ("orig-src=x", "orig-src=x is no address"),
        ("colour=red", "a filter has no part"),
        ("port=web", "there is no port \\\"web\\\""),
        ("port=3", "there is no port"),
    ] {
        for method in ["GET", "DELETE"] {
            let answer = served.raw(method, &format!("/v1/flows?{query}"));
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
            assert!(answer.contains(words), "{answer}");
        }
    }
    let answer = served.raw("PUT", "/v1/flows");
    assert!(answer.contains("/v1/flows takes GET and DELETE, not PUT"), "{answer}");
    assert!(served.removed.lock().unwrap().is_empty());
}

/// The lines of a long table come in pieces that end anywhere.
#[test]
fn a_long_table_is_listed_whole() {
    let mut network = OnePort::new(true);
    let page: Vec<_> = flows().into_iter().cycle().take(700).collect();
    network.pages = vec![Ok(page); 30];
    let served = Served::of(network);
    let all = listed(&served, "").unwrap();
    assert_eq!(all.len(), 21_000);
    let page: Vec<_> = infos().into_iter().cycle().take(700).collect();
    assert!(all.chunks(700).all(|told| told == page));
}
