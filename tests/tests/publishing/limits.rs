//! Every limit filled, and many ports. Times and sizes are printed and not judged: the machine
//! decides.

use super::{published, refused};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::wait;

/// `MAX_RELAYED_CONNECTIONS` and `MAX_RELAYED_SESSIONS` of the product.
const MOST: u64 = 1024;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("as_many_connections_are_relayed_as_there_may_be", connections);
    suite.add("the_ports_of_a_network_share_the_limit", together);
    suite.add("as_many_udp_clients_are_relayed_as_there_may_be", sessions);
    suite.add("ten_thousand_ports_are_published_at_once", ten_thousand);
}

/// Room for both ends of all connections in this process.
fn make_room() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(4 * MOST), hard).unwrap();
}

fn connect() -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&([127, 0, 0, 1], 8080).into(), wait::LONG)?;
    stream.set_read_timeout(Some(wait::LONG))?;
    Ok(stream)
}

fn connections(host: &Host) {
    make_room();
    let network = host.up("--ports 1 --publish 8080:ub0-1:80");
    let first = &network.ends()[1];
    let listener = first.visit(host, || TcpListener::bind((first.ipv4, 80)).unwrap());
    let mut pairs: Vec<_> =
        (0..MOST).map(|_| (connect().unwrap(), listener.accept().unwrap())).collect();
    wait::for_yes("all are relayed", || published(host, 0)["relayed_now"] == MOST);
    // The reset may come before the connection is told to be there.
    let end = connect().and_then(|mut one| one.read(&mut [0])).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    assert_eq!(refused(host, 0, "too-many"), 1);
    pairs.pop();
    wait::for_yes("one has ended", || published(host, 0)["relayed_now"] == MOST - 1);
    pairs.push((connect().unwrap(), listener.accept().unwrap()));
}

/// A file's network has its two ports one after the other.
fn together(host: &Host) {
    make_room();
    let text = "version = 1\n[networks.ub0]\nsubnet = '172.16.1.0/24'\n\
                publish = ['8080:a:80', '8081:a:80']\n\
                [sandboxes.a.endpoints.ub0]\naddress = '172.16.1.2'\n";
    fs::write("/run/net.toml", text).unwrap();
    host.udp_bridge("up -f /run/net.toml --detach").ok();
    let listener = host.visit("a", || TcpListener::bind("172.16.1.2:80").unwrap());
    let at = |port: u16| {
        let stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), wait::LONG)?;
        stream.set_read_timeout(Some(wait::LONG))?;
        Ok::<_, io::Error>(stream)
    };
    let ports = [8080, 8081].into_iter().cycle().take(MOST as usize);
    let pairs: Vec<_> = ports.map(|port| (at(port).unwrap(), listener.accept().unwrap())).collect();
    for port in [8080, 8081] {
        let end = at(port).and_then(|mut one| one.read(&mut [0])).map_err(|error| error.kind());
        assert_eq!(end, Err(ErrorKind::ConnectionReset));
    }
    assert_eq!((refused(host, 0, "too-many"), refused(host, 1, "too-many")), (1, 1));
    drop(pairs);
    host.udp_bridge("down").ok();
}

fn sessions(host: &Host) {
    make_room();
    let network = host.up("--ports 1 --publish 5300:ub0-1:53/udp");
    let first = &network.ends()[1];
    let server = first.visit(host, || UdpSocket::bind((first.ipv4, 53)).unwrap());
    server.set_read_timeout(Some(wait::LONG)).unwrap();
    let ask = || {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"question", "127.0.0.1:5300").unwrap();
        client
    };
    let mut clients = Vec::new();
    for _ in 0..MOST {
        clients.push(ask());
        server.recv(&mut [0; 100]).unwrap();
    }
    assert_eq!(published(host, 0)["relayed_now"], MOST);
    let _refused = ask();
    wait::for_yes("one was refused", || refused(host, 0, "too-many") == 1);
    server.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert!(server.recv(&mut [0; 100]).is_err());
}

fn ten_thousand(host: &Host) {
    let before = host.snapshot();
    let mut start = Instant::now();
    host.udp_bridge("up --ports 1 --detach").ok();
    let (few, few_size) = (start.elapsed(), resident(host));
    host.udp_bridge("down").ok();
    start = Instant::now();
    host.udp_bridge("up --ports 1 --detach --publish 10000-19999:ub0-1:10000-19999").ok();
    let (many, many_size) = (start.elapsed(), resident(host));
    eprintln!("no ports: {few:.2?}, {few_size} kB; 10,000: {many:.2?}, {many_size} kB");
    let first = &host.ends("ub0")[1];
    let listener = first.visit(host, || TcpListener::bind((first.ipv4, 19_999)).unwrap());
    let start = Instant::now();
    let client = TcpStream::connect("127.0.0.1:19999").unwrap();
    listener.accept().unwrap();
    eprintln!("a connection through the last of them: {:.2?}", start.elapsed());
    drop(client);
    host.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
}

/// How much memory the network's process has, in kB.
fn resident(host: &Host) -> u64 {
    let sizes = host.processes().into_iter().filter_map(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    });
    sizes.max().unwrap()
}
