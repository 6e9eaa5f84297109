//! What is explained is what then happens, and live packets are told in the same words.

use crate::readers::ask;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::BufRead;
use std::io::Read;
use std::net::SocketAddr;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    let v6 = &[Need::Ipv6];
    suite.add_needing(v6, "what_was_explained_is_what_a_live_packet_then_does", lives);
    suite.add("followed_packets_are_told_until_ctrl_c", follows);
    suite.add("a_packet_that_makes_no_sense_is_refused", refuses);
    suite.add("explaining_leaves_no_flow_and_no_count", nothing);
}

/// The steps of an explanation, each as its stage and its words.
fn steps(told: &Value) -> Vec<(String, String)> {
    let text = |step: &Value, field: &str| step[field].as_str().unwrap().to_owned();
    let steps = told["steps"].as_array().unwrap();
    steps.iter().map(|step| (text(step, "stage"), text(step, "words"))).collect()
}

fn lives(host: &Host) {
    let outside = host.add_outside(1500);
    let network = host.up("--ports 2");
    let client = &network.ends()[1];
    for family in Family::BOTH {
        let server = outside.udp(host, family.of(&outside));
        let socket = client.udp(host, family.of(client));
        let (to, own): (SocketAddr, SocketAddr) =
            (server.local_addr().unwrap(), socket.local_addr().unwrap());
        let flow = format!("trace ub0-1 udp {to} --from {own} --json");
        let told: Value = serde_json::from_str(&host.udp_bridge(&flow).ok().stdout).unwrap();
        assert_eq!((&told["verdict"], &told["port"]), (&"forwarded".into(), &"ub0".into()));
        let query = format!("port=ub0-1&protocol=udp&to={to}&from={own}&follow=true");
        // When the head of the answer is there, what comes is told.
        let (status, mut following) = ask("ub0", &format!("trace?{query}"));
        assert_eq!(status, 200);
        let mut next = || -> Value {
            let lines = following.by_ref().lines().map(Result::unwrap);
            let line = lines.into_iter().find(|line| line.starts_with('{')).unwrap();
            serde_json::from_str(&line).unwrap()
        };
        socket.send_to(b"who?", to).unwrap();
        let (_, from) = server.recv_from(&mut [0; 100]).unwrap();
        let first = next();
        assert!(first["time"].as_u64().unwrap() > 0 && told["time"].is_null());
        assert_eq!(steps(&first), steps(&told), "it does what was explained");
        server.send_to(b"me", from).unwrap();
        let answer = next();
        assert!(steps(&answer)[0].1.contains("comes in by ub0 from"), "{answer}");
        assert_eq!(answer["port"], "ub0-1");
        let known = format!("begun as udp {own} > {to}; it goes against it");
        assert!(steps(&answer).iter().any(|(_, words)| words.ends_with(&known)), "{answer}");
    }
}

/// `--follow` ends with Ctrl-C, and prints the same words.
fn follows(host: &Host) {
    let network = host.up("--ports 2");
    let ends = network.ends();
    let mut following =
        host.start(&mut host.command(&format!("trace ub0-1 icmp {} --follow", ends[2].ipv4)));
    wait::for_yes("a packet and its answer are told", || {
        assert!(!following.has_ended(), "{}", following.stderr());
        ends[1].ping(host, ends[2].ipv4.into());
        following.stdout().matches("1. packet").count() >= 2
    });
    following.signal(Signal::SIGINT);
    let told = following.wait().ok().stdout;
    let (one, two) = (ends[1].ipv4, ends[2].ipv4);
    assert!(told.contains(&format!("1. packet     icmp {one} > {two} request id ")), "{told}");
    assert!(told.contains(&format!("1. packet     icmp {two} > {one} reply id ")), "{told}");
    assert!(told.contains("lives behind ub0-2: it stays on the segment"), "{told}");
}

fn refuses(host: &Host) {
    let _network = host.up("--ports 1");
    for (arguments, code, words) in [
        ("ub0-1 tcp 10.0.0.5", 2, "tcp needs a port: 10.0.0.5:443"),
        ("ub0-1 tcp here", 2, "is no address like"),
        ("ub0-1 sctp 10.0.0.5:1", 2, "a flow is of tcp, udp or icmp"),
        ("web icmp 10.0.0.5", 2, "there is no port \"web\""),
        ("ub0-1 icmp 172.16.1.77", 2, "nobody in the network has 172.16.1.77"),
    ] {
        let refused = host.udp_bridge(&format!("trace {arguments}"));
        assert_eq!(refused.code(), Some(code), "{arguments}: {refused:?}");
        assert!(refused.stderr.contains(words), "{arguments}: {refused:?}");
    }
}

fn nothing(host: &Host) {
    host.add_outside(1500);
    let rules = "version = 1\n[[rule]]\nfrom = 'ub0-1'\nprotocol = 'tcp'\nverdict = 'drop'";
    std::fs::write("/run/rules.toml", rules).unwrap();
    let _network = host.up("--ports 2 --publish 8080:ub0-1:80 --rules /run/rules.toml");
    for flow in
        ["ub0-1 tcp 198.51.100.7:443", "outside tcp 192.0.2.1:8080", "ub0-2 tcp 172.16.1.2:1"]
    {
        host.udp_bridge(&format!("trace {flow}")).ok();
    }
    let flows = host.udp_bridge("conntrack -C -p tcp").ok().stdout;
    assert_eq!(flows.trim(), "0");
    let rules = host.udp_bridge("rules --json").ok().stdout;
    let rules: Value = serde_json::from_str(&rules).unwrap();
    assert_eq!(rules["rules"][0]["hits"]["packets"], 0, "{rules}");
}
