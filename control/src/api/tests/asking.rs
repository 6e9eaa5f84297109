//! What the client asks, the server answers.

use super::super::SOCKET_NAME;
use super::super::change::{Edit, LimitsInfo, NewFdb, NewRule};
use super::super::client::{Client, ClientError};
use super::super::creation::NewNetwork;
use super::super::flow::tests::{flows, infos};
use super::super::flow::{Flow, FlowFilter, FlowInfo};
use super::super::server::{self, Network};
use super::{OnePort, Served};
use hyper::Method;
use nix::sys::signal::{Signal, raise};
use std::io::Write;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::thread;

#[test]
fn the_client_reads_what_the_server_tells() {
    let served = Served::new(true);
    let network = OnePort::new(true);
    assert_eq!(served.network().info().unwrap(), network.network());
    assert_eq!(served.network().ports().unwrap(), network.ports());
    assert_eq!(served.network().published().unwrap(), network.published());
    assert_eq!(Some(served.network().fdb().unwrap()), network.fdb());
    assert_eq!(served.network().rules().unwrap(), network.rules());
}

#[test]
fn a_stop_is_answered_before_the_server_ends() {
    let mut served = Served::new(true);
    assert_eq!(served.client().stop().unwrap().stopping, 7);
    served.thread.take().unwrap().join().unwrap();
}

#[test]
fn a_stopped_dataplane_is_told_as_a_problem() {
    let served = Served::new(false);
    match served.network().fdb() {
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
fn an_unknown_network_is_404_and_those_that_there_are_are_named() {
    let served = Served::new(true);
    for path in ["/v1/networks/web", "/v1/networks/web/ports", "/v1/networks/%2e%2e/fdb"] {
        let answer = served.raw("GET", path);
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert!(answer.contains("holds: ub0"), "{answer}");
    }
    assert!(served.raw("DELETE", "/v1/networks/web").starts_with("HTTP/1.1 404 "));
}

#[test]
fn a_network_is_made_and_ended_and_the_words_of_a_refusal_arrive() {
    let served = Served::new(true);
    let client = served.client();
    let new = NewNetwork { name: "web".to_owned(), ports: 1, ..NewNetwork::default() };
    let created = client.create(&new).unwrap();
    assert_eq!((&*created.network.name, created.ports.len()), ("web", 1));
    assert_eq!(client.networks().unwrap().len(), 1);
    match client.create(&NewNetwork::default()) {
        Err(ClientError::Refused { problem, .. }) => {
            assert_eq!((problem.status, &*problem.detail), (400, "--ports 0 makes no network"));
        }
        other => panic!("{other:?}"),
    }
    served.network().delete().unwrap();
    let error = Served::new(false).network().delete().unwrap_err();
    assert!(error.to_string().contains("could not be removed"), "{error}");
    assert_eq!(client.daemon().unwrap().clients.connected, 1);
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
    let socket = folder.path().join(SOCKET_NAME);
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let answer = Client::new(socket.clone()).daemon();
    assert!(matches!(answer, Err(ClientError::NotRunning { .. })), "{answer:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    server::bind(&socket).unwrap();
}

/// The lines of flows that match a query.
#[test]
fn an_answer_without_end_ends_when_the_user_interrupts() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join(SOCKET_NAME);
    let listener = UnixListener::bind(&socket).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        // Until nobody reads any more.
        while stream.write_all(b"4\r\nmore\r\n").is_ok() {}
    });
    let mut pieces = 0;
    let answer = Client::new(socket).ask_stream(Method::GET, "/", &mut |_| {
        pieces += 1;
        if pieces == 1 {
            // While it is here nobody waits for signals.
            raise(Signal::SIGINT).unwrap();
        }
        if pieces < 100_000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    answer.unwrap();
    assert!(pieces < 100_000, "it was not heard");
    server.join().unwrap();
}

fn listed(served: &Served, query: &str) -> Result<Vec<FlowInfo>, ClientError> {
    let mut infos = Vec::new();
    let filter: FlowFilter = query.parse().unwrap();
    served.network().flows(&filter, &mut |line| {
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
    let ended = served.network().flows(&FlowFilter::default(), &mut |_| {
        lines += 1;
        ControlFlow::Break(())
    });
    assert!(ended.is_ok() && lines == 1, "{ended:?}, {lines}");
}

#[test]
fn flows_are_counted_with_and_without_a_filter() {
    let client = Served::new(true);
    let count = |query: &str| client.network().flow_count(&query.parse().unwrap()).unwrap().flows;
    assert_eq!(["", "family=ipv4", "protocol=tcp", "state=CLOSE"].map(count), [3, 2, 1, 0]);
}

#[test]
fn flows_that_match_are_removed_and_told() {
    let served = Served::new(true);
    let mut told = 0;
    let filter = "family=ipv4".parse().unwrap();
    let removed = served.network().remove_flows(&filter, &mut |_| {
        told += 1;
        ControlFlow::Continue(())
    });
    removed.unwrap();
    let keys: Vec<_> = flows().iter().map(Flow::key).collect();
    assert_eq!(*served.removed.lock().unwrap(), keys[..2]);
    assert_eq!(told, 2);
    assert_eq!(served.network().flush_flows().unwrap().flows, 3);
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
        served.network().flush_flows().map(drop),
        served.network().flow_count(&FlowFilter::default()).map(drop),
        served.network().flow_count(&"protocol=6".parse().unwrap()).map(drop),
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
            let answer = served.raw(method, &format!("/v1/networks/ub0/flows?{query}"));
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
            assert!(answer.contains(words), "{answer}");
        }
    }
    let answer = served.raw("PUT", "/v1/networks/ub0/flows");
    assert!(answer.contains("/v1/networks/ub0/flows takes GET, DELETE, not PUT"), "{answer}");
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

#[test]
fn changes_arrive_as_they_were_asked_for() {
    let served = Served::new(true);
    let network = served.network();
    let published = network.publish("[::1]:53:ub0-1:53").unwrap();
    assert_eq!(published.publish, "[::1]:53:ub0-1:53/tcp");
    network.unpublish("[::1]:8000-8009:ub0-1:80-89/udp").unwrap();
    let new = NewRule { rule: "verdict = 'drop'".to_owned(), path: None, at: Some(7) };
    assert_eq!(network.add_rule(&new).unwrap().id, 7);
    network.remove_rule(0).unwrap();
    let limits = LimitsInfo { bytes_out: NonZeroU64::new(9), ..LimitsInfo::default() };
    network.set_limits("a b/c", limits).unwrap();
    let entry = NewFdb { mac: "02:00:00:00:00:10".to_owned(), port: "ub0".to_owned() };
    network.add_fdb(&entry).unwrap();
    network.remove_fdb(&entry.mac).unwrap();
    let expected = [
        Edit::Unpublish("[::1]:8000-8009:ub0-1:80-89/udp".to_owned()),
        Edit::RemoveRule(0),
        Edit::SetLimits("a b/c".to_owned(), limits),
        Edit::AddFdb(entry.clone()),
        Edit::RemoveFdb(entry.mac),
    ];
    assert_eq!(*served.edits.lock().unwrap(), expected);
}

#[test]
fn an_answer_to_what_was_made_says_where_it_is() {
    let served = Served::new(true);
    let body = r#"{"publish": "[::1]:53:ub0-1:53"}"#;
    let answer = served.raw_with("POST", "/v1/networks/ub0/published", body);
    let place = "location: /v1/networks/ub0/published/%5B::1%5D:53:ub0-1:53%2Ftcp\r\n";
    assert!(answer.contains(place), "{answer}");
}
