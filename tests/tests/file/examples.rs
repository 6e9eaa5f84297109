//! The examples of the documentation run as written.

use super::written::{forget_leases, is_out_of_reach, reaches, up};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("the_pair_of_the_examples_runs", pair);
    suite.add("the_web_server_and_database_of_the_examples_run", web_database);
    suite.add("the_gateway_of_the_examples_runs", gateway);
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name)
}

/// Runs an example, and sees that it leaves nothing behind.
fn run(host: &Host, file: &str, network: &str, test: impl FnOnce()) {
    let before = host.snapshot();
    let running = up(host, &example(file), network);
    test();
    running.signal(Signal::SIGINT);
    let ended = running.wait();
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    forget_leases();
    before.assert_same(&host.snapshot());
    assert!(!host.netns("web").exists() && !host.netns("gateway").exists());
}

/// Serves one connection in a namespace, with a word.
fn serve(host: &Host, sandbox: &str, address: &str) -> TcpListener {
    host.visit(sandbox, || TcpListener::bind(address).unwrap())
}

fn is_served(listener: &TcpListener, connect: impl FnOnce() -> TcpStream) {
    let mut client = connect();
    let (mut server, _) = listener.accept().unwrap();
    server.write_all(b"hello").unwrap();
    drop(server);
    let mut heard = String::new();
    client.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "hello");
}

fn pair(host: &Host) {
    run(host, "pair.toml", "front", || {
        assert!(reaches(host, "app", "172.16.1.2") && reaches(host, "web", "172.16.1.1"));
        let pinged = host.udp_bridge("exec app -- cat /proc/net/dev").ok().stdout;
        assert!(pinged.contains("eth0"), "{pinged}");
        let listener = serve(host, "web", "172.16.1.2:80");
        is_served(&listener, || TcpStream::connect("127.0.0.1:8080").unwrap());
        let ports = host.udp_bridge("ports").ok().stdout;
        assert!(ports.contains("8080") && ports.contains("web"), "{ports}");
    });
}

fn web_database(host: &Host) {
    run(host, "web-database.toml", "shop", || {
        let database = serve(host, "db", "172.16.2.20:5432");
        let web = serve(host, "web", "172.16.2.10:80");
        let to = |text: &str| text.parse::<SocketAddr>().unwrap();
        is_served(&database, || {
            host.visit("web", || {
                TcpStream::connect_timeout(&to("172.16.2.20:5432"), wait::LONG).unwrap()
            })
        });
        is_served(&web, || TcpStream::connect("127.0.0.1:8080").unwrap());
        // Nothing else goes from one to the other.
        assert!(is_out_of_reach(host, "web", "172.16.2.20"));
        let moment = Duration::from_millis(300);
        let back =
            host.visit("db", || TcpStream::connect_timeout(&to("172.16.2.10:80"), moment).is_err());
        assert!(back);
        let rules = host.udp_bridge("rules shop").ok().stdout;
        assert!(rules.contains("web-database.toml:16") && rules.contains("5432"), "{rules}");
    });
}

fn gateway(host: &Host) {
    run(host, "gateway.toml", "right", || {
        assert!(reaches(host, "gateway", "172.16.4.10"));
        assert!(reaches(host, "gateway", "172.16.3.10"));
        assert!(is_out_of_reach(host, "client", "172.16.4.10"));
        let seen = host.udp_bridge("exec probe -- cat /proc/net/dev").ok().stdout;
        assert!(seen.contains("eth0") && seen.contains("eth1"), "{seen}");
        let listed = host.udp_bridge("ps").ok().stdout;
        assert!(listed.contains("left") && listed.contains("right"), "{listed}");
    });
}
