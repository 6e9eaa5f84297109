//! The examples, the description and the unit file are right.

use super::house::House;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::product::{binary, profile_dir};
use udp_bridge_tests::openapi::Description;

const API: &str = include_str!("../../../docs/api.md");
const DAEMON: &str = include_str!("../../../docs/daemon.md");
const UNIT: &str = include_str!("../../../docs/systemd/udp-bridge.service");

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(&[Need::Curl], "the_examples_of_the_api_run_as_they_stand", examples);
    suite.add("the_daemons_first_example_runs_as_it_stands", first_example);
    suite.add("the_answers_are_as_they_are_described", described);
    suite.add("the_service_manager_is_told_when_the_daemon_is_ready", readiness);
    suite.add("the_unit_file_has_what_it_needs", unit);
    suite.add_needing(&[Need::Systemd], "the_unit_file_is_valid", unit_verified);
}

/// The shell blocks of a document, in one piece.
fn shell(document: &str) -> String {
    let mut script = String::new();
    for block in document.split("```sh\n").skip(1) {
        script += block.split("```").next().unwrap();
    }
    script
}

fn examples(host: &Host) {
    let house = House::start(host, "");
    let script = format!("set -eu\n{}", shell(API));
    let ran = host.finish(Command::new("bash").args(["-c", &script])).ok();
    assert!(ran.stdout.contains("\"location\"") || ran.stdout.contains("\"web-2\""), "{ran:?}");
    assert!(ran.stdout.contains("\"first_port\":8080"), "{ran:?}");
    assert_eq!(house.running.wait().code(), Some(0), "the last example ends it");
}

/// The commands of the daemon's page, in the order in which a person would type them.
fn first_example(host: &Host) {
    let before = host.snapshot();
    let block = DAEMON.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let lines: Vec<_> = block.lines().map(|line| line.split(" #").next().unwrap().trim()).collect();
    let arguments = |line: &str| line.trim_end_matches('&').replacen("udp-bridge ", "", 1);
    assert_eq!(arguments(lines[0]).trim(), "daemon");
    let house = House::start(host, "");
    host.udp_bridge(&arguments(lines[1])).ok();
    let db = host.up(arguments(lines[2]).trim_start_matches("up "));
    assert_eq!(house.names(), ["db", "web"]);
    assert_eq!(db.end_by(nix::sys::signal::Signal::SIGINT).code(), Some(0));
    host.udp_bridge(&arguments(lines[3])).ok();
    assert_eq!(house.names(), [""; 0]);
    drop(house);
    before.assert_same(&host.snapshot());
}

fn described(host: &Host) {
    let house = House::start(host, "");
    house.make_with("web", r#", "publish": ["127.0.0.1:8080:web-1:80"]"#);
    house.assert_reached("web");
    let text = host.ask("GET", "/v1/openapi.json", "").body;
    let description = Description::read(&text);
    let mut reads = 0;
    for operation in description.operations() {
        let path = operation.path.replace("{network}", "web").replace("{port}", "web-1");
        let (network, body) = match (&*operation.method, operation.path) {
            // It goes on for ever, and is no text.
            ("GET", "/v1/networks/{network}/capture") => continue,
            ("GET", "/v1/networks/{network}/trace") => {
                (path + "?port=web-1&protocol=tcp&to=198.51.100.7:443", "")
            }
            ("GET", _) => (path, ""),
            ("POST", "/v1/networks") => (path, r#"{"name": "other", "ports": 1}"#),
            ("POST", "/v1/networks/{network}/flows/flush") => (path, ""),
            ("DELETE", "/v1/networks/{network}/flows") => (path, ""),
            ("POST", "/v1/networks/{network}/published") => (path, r#"{"publish": "81:web-2:81"}"#),
            ("POST", "/v1/networks/{network}/rules") => {
                (path, r#"{"rule": "to = 'web-1'\nverdict = 'accept'"}"#)
            }
            ("POST", "/v1/networks/{network}/fdb") => {
                (path, r#"{"mac": "02:00:00:00:00:10", "port": "web-1"}"#)
            }
            ("PUT", "/v1/networks/{network}/ports/{port}/limits") => (path, r#"{"flows": 1000}"#),
            ("POST", "/v1/apply") => (path + "?dry-run=true", "version = 1"),
            // Of networks of files, which the tests of those ask.
            ("POST", "/v1/networks/{network}/endpoints") => continue,
            // At the end, below.
            ("DELETE", _) | ("POST", "/v1/stop") => continue,
            (method, path) => panic!("{method} {path} is not tried here"),
        };
        let answer = host.ask(&operation.method, &network, body);
        assert!(answer.status < 300, "{answer:?}");
        description
            .check(&operation, answer.status, answer.kind.as_deref(), answer.body.as_bytes())
            .unwrap_or_else(|faults| panic!("{network}: {faults}"));
        reads += 1;
    }
    assert!(reads >= 12, "{reads}");
    assert_eq!(host.ask("DELETE", "/v1/networks/web", "").status, 204);
    assert_eq!(host.ask("POST", "/v1/stop", "").status, 202);
    assert_eq!(house.running.wait().code(), Some(0));
}

fn readiness(host: &Host) {
    let path = "/run/notify";
    let manager = UnixDatagram::bind(path).unwrap();
    manager.set_read_timeout(Some(udp_bridge_tests::host::wait::LONG)).unwrap();
    let heard = || {
        let mut buffer = [0; 100];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let daemon = host.start(host.command("daemon").env("NOTIFY_SOCKET", path));
    assert_eq!(heard(), "READY=1");
    // It answers when it says so.
    assert_eq!(host.ask("GET", "/v1/daemon", "").status, 200);
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(heard(), "STOPPING=1");
    assert_eq!(daemon.wait().code(), Some(0));
}

fn unit(_: &Host) {
    let values = |key: &str| -> Vec<&str> {
        UNIT.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
    };
    assert_eq!(values("Type"), ["notify"]);
    assert_eq!(values("ExecStart"), ["/usr/local/bin/udp-bridge daemon"]);
    assert_eq!(values("WantedBy"), ["multi-user.target"]);
    // Each line is a comment, a section or an assignment.
    for line in UNIT.lines().filter(|line| !line.is_empty()) {
        assert!(line.starts_with(['#', '[']) || line.contains('='), "{line}");
    }
}

/// The program is not where the unit file expects it on a machine that only tests.
fn unit_verified(host: &Host) {
    let unit = UNIT.replace("/usr/local/bin/udp-bridge", &binary().display().to_string());
    assert!(unit.contains(&*profile_dir().display().to_string()));
    let path = "/run/udp-bridge-verified.service";
    fs::write(path, unit).unwrap();
    let verified = host.finish(Command::new("systemd-analyze").args(["verify", path])).ok();
    assert!(!verified.stderr.contains("udp-bridge-verified"), "{verified:?}");
}
