//! Client and server over a real socket.

use super::client::{Client, ClientError};
use super::protocol::{
    Counters, FdbInfo, FdbOrigin, Hits, NetworkInfo, PortInfo, RuleInfo, RulesInfo,
};
use super::server::{self, Network};
use dataplane::wire::ethernet::MacAddr;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::sync::Notify;

/// A network of one port whose dataplane may have stopped.
struct OnePort {
    running: bool,
    end: Arc<Notify>,
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

    fn stop(&self) {
        self.end.notify_one();
    }
}

struct Served {
    _folder: TempDir,
    socket: PathBuf,
    end: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn new(running: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join(super::SOCKET_NAME);
        let end = Arc::new(Notify::new());
        let network = Arc::new(OnePort { running, end: Arc::clone(&end) });
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
        Self { _folder: folder, socket, end, thread: Some(thread) }
    }

    fn client(&self) -> Client {
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
    let network = OnePort { running: true, end: Arc::new(Notify::new()) };
    assert_eq!(served.client().network().unwrap(), network.network());
    assert_eq!(served.client().ports().unwrap(), network.ports());
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
