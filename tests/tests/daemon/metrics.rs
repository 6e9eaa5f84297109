//! What Prometheus reads at a TCP address.

use super::house::House;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("metrics_of_all_networks_are_read_at_an_address_and_nothing_else_is", metrics);
    suite.add("an_address_for_metrics_that_is_taken_is_refused_by_its_option", taken);
}

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// What is answered to a request at an address.
fn asked(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(wait::LONG)).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn metrics(host: &Host) {
    let house = House::start(host, "--metrics 127.0.0.1:9100");
    house.make("red");
    house.make("blue");
    house.assert_reached("red");
    let answer = asked(loopback(9100), "GET /metrics");
    assert!(answer.contains("content-type: application/openmetrics-text"), "{answer}");
    for name in ["red", "blue"] {
        let series = format!(r#"udp_bridge_network_info{{network="{name}","#);
        assert!(answer.contains(&series), "{answer}");
    }
    let frames = r#"udp_bridge_port_receive_frames_total{network="red",port="red-1"} "#;
    let count = answer.lines().find_map(|line| line.strip_prefix(frames)).unwrap();
    assert!(count.parse::<u64>().unwrap() > 0, "{answer}");
    for (request, status) in [
        ("GET /v1/networks", "404"),
        ("POST /v1/stop", "404"),
        ("DELETE /v1/networks/red", "404"),
        ("POST /metrics", "405"),
        ("nonsense", "400"),
    ] {
        let answer = asked(loopback(9100), request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
    assert_eq!(house.names(), ["blue", "red"]);
}

fn taken(host: &Host) {
    let _holder = TcpListener::bind(loopback(9100)).unwrap();
    let ended = host.udp_bridge("daemon --metrics 127.0.0.1:9100");
    assert_eq!(ended.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("--metrics 127.0.0.1:9100"), "{ended:?}");
    let ended = host.udp_bridge("daemon --metrics 9100");
    assert_eq!(ended.code(), Some(2), "{ended:?}");
}
