//! The answers are as `openapi.json` describes them, and it describes all that is answered.

use super::super::creation::{NewNetwork, PortSet, RulesText, Storm};
use super::super::paths;
use super::super::server::process::OPENAPI;
use super::super::server::routes::routes;
use super::{OnePort, Served};
use std::collections::BTreeSet;
use udp_bridge_tests::openapi::{Description, Operation};

#[test]
fn every_route_is_described_and_every_description_has_a_route() {
    let description = Description::read(OPENAPI);
    let described: BTreeSet<_> = description
        .operations()
        .iter()
        .map(|operation| format!("{} {}", operation.method, operation.path))
        .collect();
    let routes = routes();
    let served = routes.iter().flat_map(|route| {
        route.methods.iter().map(move |method| format!("{method} {}", route.path))
    });
    assert_eq!(described, served.collect());
}

/// Asks, and checks the answer against the description; returns its status.
fn ask(
    served: &Served,
    description: &Description,
    operation: &Operation<'_>,
    target: &str,
    body: &str,
) -> u16 {
    let answer = served.raw_with(&operation.method, target, body);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let body = match header("transfer-encoding: chunked") {
        Some(_) => unchunked(body),
        None => body.to_owned(),
    };
    let checked = description.check(operation, status, header("content-type: "), body.as_bytes());
    checked.unwrap_or_else(|faults| panic!("{} {target}: {faults}", operation.method));
    status
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        whole += &rest[..length];
        body = rest[length..].trim_start_matches("\r\n");
    }
    whole
}

/// Where an operation is asked for, with something in each of its places.
fn target(operation: &Operation<'_>, network: &str) -> String {
    let path = paths::of(operation.path, network);
    let path = path.replace("{spec}", "8080%3Aub0-1%3A80%2Ftcp").replace("{port}", "ub0-1");
    let query = if operation.path == paths::FDB && operation.method == "DELETE" {
        "?mac=02:00:00:00:00:10"
    } else {
        ""
    };
    path.replace("{id}", "0").replace("{sandbox}", "web") + query
}

/// What a change is asked for with.
fn change(path: &str) -> &'static str {
    match path {
        paths::PUBLISHED => r#"{"publish": "8080:ub0-1:80"}"#,
        paths::RULES => r#"{"rule": "verdict = 'drop'", "at": 0}"#,
        paths::ENDPOINTS => r#"{"sandbox": "web"}"#,
        paths::LIMITS => r#"{"flows": 5, "bytes_in": null}"#,
        paths::FDB => r#"{"mac": "02:00:00:00:00:10", "port": "ub0-1"}"#,
        _ => "",
    }
}

/// All operations but the one that ends the server and the one that may never end, once each.
fn ask_all(served: &Served, network: &str, new: &str) -> Vec<(String, u16)> {
    let description = Description::read(OPENAPI);
    let mut statuses = Vec::new();
    for operation in description.operations() {
        // What is captured is no text; its tests are its own.
        if [paths::STOP, paths::CAPTURE].contains(&operation.path) {
            continue;
        }
        let target = target(&operation, network);
        let body = if operation.path == paths::NETWORKS { new } else { change(operation.path) };
        let status = ask(served, &description, &operation, &target, body);
        statuses.push((format!("{} {}", operation.method, operation.path), status));
    }
    statuses
}

#[test]
fn answers_are_as_they_are_described() {
    let statuses = ask_all(&Served::new(true), "ub0", r#"{"name": "web", "ports": 1}"#);
    for (operation, status) in statuses {
        let expected = match &*operation {
            "POST /v1/networks" => 201,
            "GET /v1/networks/{network}/trace" => 400,
            "POST /v1/networks/{network}/published" | "POST /v1/networks/{network}/rules" => 201,
            "POST /v1/networks/{network}/fdb" | "DELETE /v1/networks/{network}/fdb" => 204,
            "DELETE /v1/networks/{network}/flows" => 200,
            "DELETE /v1/networks/{network}/endpoints/{sandbox}" => 200,
            _ if operation.starts_with("PUT") || operation.starts_with("DELETE") => 204,
            _ => 200,
        };
        assert_eq!(status, expected, "{operation}");
    }
}

#[test]
fn answers_about_a_stopped_dataplane_and_an_unknown_network_are_as_they_are_described() {
    let stopped = ask_all(&Served::new(false), "ub0", r#"{"name": "late", "ports": 1}"#);
    let count = |status| stopped.iter().filter(|(_, other)| *other == status).count();
    // The MAC table, how full all are, and flows in four ways; seven changes; and a network that comes
    // too late.
    assert_eq!((count(503), count(500)), (14, 1), "{stopped:?}");
    let unknown = ask_all(&Served::new(true), "web", r#"{"name": "ub0", "ports": 1}"#);
    let about_it = unknown.iter().filter(|(operation, _)| operation.contains("{network}"));
    assert!(about_it.clone().all(|(_, status)| *status == 404), "{unknown:?}");
    assert!(unknown.contains(&("POST /v1/networks".to_owned(), 409)), "{unknown:?}");
}

#[test]
fn refusals_are_as_they_are_described() {
    let served = Served::new(true);
    let description = Description::read(OPENAPI);
    let operations = description.operations();
    let find = |method: &str, path: &str| {
        operations.iter().find(|one| one.method == method && one.path == path).unwrap()
    };
    let create = find("POST", paths::NETWORKS);
    for (body, status) in
        [("{", 400), (r#"{"name": "web"}"#, 400), (r#"{"name": "broken", "ports": 1}"#, 500)]
    {
        assert_eq!(ask(&served, &description, create, paths::NETWORKS, body), status, "{body}");
    }
    for (method, path) in
        [("GET", paths::FLOWS), ("DELETE", paths::FLOWS), ("GET", paths::FLOW_COUNT)]
    {
        let target = paths::of(path, "ub0") + "?colour=red";
        assert_eq!(ask(&served, &description, find(method, path), &target, ""), 400);
    }
}

#[test]
fn refused_changes_are_as_they_are_described() {
    let served = Served::new(true);
    let description = Description::read(OPENAPI);
    let operations = description.operations();
    for (method, path, place, body, status) in [
        ("POST", paths::PUBLISHED, "", "{", 400),
        ("POST", paths::PUBLISHED, "", r#"{"publish": ""}"#, 400),
        ("POST", paths::PUBLISHED, "", r#"{"publish": "22:ub0-1:22"}"#, 409),
        ("POST", paths::RULES, "", r#"{"rules": ""}"#, 400),
        ("DELETE", paths::RULE, "first", "", 400),
        ("DELETE", paths::RULE, "7", "", 404),
        ("PUT", paths::LIMITS, "ub0-1", r#"{"flows": 0}"#, 400),
        ("PUT", paths::LIMITS, "ub0-1", r#"{"flow": 5}"#, 400),
        ("POST", paths::FDB, "", r#"{"mac": "02:00:00:00:00:10"}"#, 400),
        ("DELETE", paths::FDB, "", "", 400),
    ] {
        let is_it = |one: &&Operation<'_>| one.method == method && one.path == path;
        let operation = operations.iter().find(is_it).unwrap();
        let target = paths::of(path, "ub0").replace("{id}", place).replace("{port}", place);
        let answered = ask(&served, &description, operation, &target, body);
        assert_eq!(answered, status, "{method} {target} {body}");
    }
    assert!(served.edits.lock().unwrap().is_empty());
}

#[test]
fn what_a_change_is_asked_for_with_is_as_it_is_described() {
    let description = Description::read(OPENAPI);
    for (schema, path) in [
        ("NewPublished", paths::PUBLISHED),
        ("NewRule", paths::RULES),
        ("Limits", paths::LIMITS),
        ("NewFdbEntry", paths::FDB),
    ] {
        let value = serde_json::from_str(change(path)).unwrap();
        description.fits_schema(schema, &value).unwrap();
    }
}

#[test]
fn the_answer_to_a_stop_is_as_it_is_described() {
    let served = Served::of(OnePort::new(true));
    let description = Description::read(OPENAPI);
    let operations = description.operations();
    let stop = operations.iter().find(|operation| operation.path == paths::STOP).unwrap();
    assert_eq!(ask(&served, &description, stop, paths::STOP, ""), 202);
}

#[test]
fn what_a_network_is_asked_for_with_is_as_it_is_described() {
    let description = Description::read(OPENAPI);
    let plain = NewNetwork { ports: 3, ..NewNetwork::default() };
    let rules = RulesText { path: "r.toml".to_owned(), text: String::new() };
    let full = NewNetwork {
        subnet6: Some("none".to_owned()),
        isolate: PortSet::All(super::super::creation::All::All),
        storm: Some(Storm { packets: 1, bytes: 1 }),
        rules: Some(rules),
        uplink: Some(super::super::creation::Uplink::None),
        conntrack_port_max: Some(5),
        ..plain.clone()
    };
    for new in [plain, NewNetwork { storm: None, ..full.clone() }, full] {
        let value = serde_json::to_value(&new).unwrap();
        description.fits_schema("NewNetwork", &value).unwrap();
    }
}
