//! Networks come and go in one daemon, by the api and by the commands.

use super::house::House;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("networks_come_and_go_while_others_stay", come_and_go);
    suite.add("every_command_finds_a_network_in_the_daemon", commands);
    suite.add("up_stays_with_its_network_in_the_daemon", up_in_the_foreground);
    suite.add("up_returns_and_its_network_stays_in_the_daemon", up_detached);
    suite.add("down_ends_the_network_of_an_up_that_stays", down_of_a_foreground);
    suite.add("a_refusal_has_the_same_words_with_and_without_a_daemon", same_words);
    suite.add("a_network_of_its_own_process_lives_beside_the_daemon", side_by_side);
    suite.add("of_four_that_ask_for_one_name_one_gets_it", race);
    suite.add("networks_that_are_made_at_once_do_not_meet", at_once);
    suite.add("a_published_port_is_given_back_with_its_network", published);
    let needs = &[Need::Ipv6];
    suite.add_needing(needs, "networks_of_a_daemon_go_out_side_by_side", outside);
    suite.add("a_network_that_cannot_be_made_leaves_nothing_behind", undone);
}

fn come_and_go(host: &Host) {
    let house = House::start(host, "");
    let before = host.snapshot();
    for name in ["red", "green", "blue"] {
        house.make(name);
    }
    assert_eq!(house.names(), ["blue", "green", "red"]);
    for name in house.names() {
        house.assert_reached(&name);
    }
    let deleted = host.ask("DELETE", "/v1/networks/green", "");
    assert_eq!((deleted.status, &*deleted.body), (204, ""));
    assert_eq!(host.ask("GET", "/v1/networks/green", "").status, 404);
    assert_eq!(host.ask("DELETE", "/v1/networks/green", "").status, 404);
    assert_eq!(house.names(), ["blue", "red"]);
    house.assert_reached("red");
    house.make("green");
    for name in house.names() {
        house.assert_reached(&name);
        assert_eq!(host.ask("DELETE", &format!("/v1/networks/{name}"), "").status, 204);
    }
    before.assert_same(&host.snapshot());
}

fn commands(host: &Host) {
    let house = House::start(host, "");
    house.make_with("red", r#", "publish": ["127.0.0.1:8080:red-1:80"], "icc": false"#);
    house.make("blue");
    let pid = house.running.pid().to_string();
    let listed = host.udp_bridge("ps").ok().stdout;
    assert_eq!(listed.lines().filter(|line| line.contains(&pid)).count(), 2, "{listed}");
    let json = |arguments: &str| -> Value {
        serde_json::from_str(&host.udp_bridge(arguments).ok().stdout).unwrap()
    };
    assert_eq!(json("fdb red --json").as_array().unwrap().len(), 3);
    assert_eq!(json("ports red --json")[0]["published"][0]["first_port"], 8080);
    assert_eq!(json("rules red --json")["icc"], false);
    assert_eq!(json("rules blue --json")["icc"], true);
    assert_eq!(json("conntrack red -C --json")["flows"], 0);
    assert_eq!(host.udp_bridge("exec blue-1 -- ls /sys/class/net").ok().stdout, "eth0\nlo\n");
    assert_eq!(host.udp_bridge("exec red-2 -- false").code(), Some(1));
    assert_eq!(host.udp_bridge("fdb green").code(), Some(1));
    assert_eq!(host.udp_bridge("down red").ok().stdout, "red: down\n");
    assert_eq!(house.names(), ["blue"]);
    host.udp_bridge("down --all").ok();
    assert_eq!(house.names(), [""; 0]);
    assert_eq!(host.udp_bridge("ps --json").ok().stdout.trim(), "[]");
}

fn up_in_the_foreground(host: &Host) {
    let mut house = House::start(host, "");
    let before = host.snapshot();
    let network = host.up("--ports 2 --name web");
    let shown = network.shown();
    assert!(shown.contains("udp-bridge exec web-1 -- ping"), "{shown}");
    house.assert_reached("web");
    let ended = network.end_by(Signal::SIGINT);
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    before.assert_same(&host.snapshot());
    assert!(!house.running.has_ended());
}

fn up_detached(host: &Host) {
    let house = House::start(host, "");
    let before = host.snapshot();
    let shown = host.udp_bridge("up --ports 2 --name web --detach").ok().stdout;
    assert!(shown.contains("web-2"), "{shown}");
    assert_eq!(house.names(), ["web"]);
    house.assert_reached("web");
    let again = host.udp_bridge("up --ports 2 --name web --detach");
    assert_eq!(again.code(), Some(2), "{again:?}");
    assert!(again.stderr.contains("udp-bridge down web"), "{again:?}");
    host.udp_bridge("down web").ok();
    before.assert_same(&host.snapshot());
}

fn down_of_a_foreground(host: &Host) {
    let _house = House::start(host, "");
    let network = host.up("--ports 1");
    host.udp_bridge("down").ok();
    let ended = network.running.wait();
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}

fn same_words(host: &Host) {
    let bad = [
        "--ports 0",
        "--ports 3 --subnet 10.1.0.7/24",
        "--ports 3 --mtu 575",
        "--ports 3 --host-if lo",
        "--ports 3 --isolate 4",
        "--ports 3 --publish 8080:web-1:80",
        "--ports 3 --publish 192.0.2.77:80:ub0-1:80",
        "--ports 3 --storm-packets 0",
        "--ports 3 --rules /dev/null",
        "--ports 3 --uplink none --snat 192.0.2.1",
        "--ports 3 --conntrack-timeout banana=3",
    ];
    let say = |arguments: &&str| {
        let refused = host.udp_bridge(&format!("up {arguments}"));
        (refused.code(), refused.stderr, refused.stdout)
    };
    let without: Vec<_> = bad.iter().map(say).collect();
    let house = House::start(host, "");
    let with: Vec<_> = bad.iter().map(say).collect();
    assert_eq!(without, with);
    assert!(with.iter().all(|(code, _, _)| *code == Some(2)), "{with:#?}");
    assert_eq!(house.names(), [""; 0]);
}

fn side_by_side(host: &Host) {
    let alone = host.up("--ports 2 --name alone");
    let house = House::start(host, "");
    house.make("web");
    assert_eq!(house.names(), ["web"]);
    for name in ["alone", "web"] {
        assert!(host.is_running(name));
        house.assert_reached(name);
    }
    let taken = host.ask("POST", "/v1/networks", r#"{"name": "alone", "ports": 1}"#);
    assert_eq!(taken.status, 409, "{taken:?}");
    assert!(taken.detail().contains("--name alone"), "{taken:?}");
    let socket = std::path::Path::new(udp_bridge_tests::host::STATE_DIR).join("alone/api.sock");
    let other = udp_bridge_tests::host::api::ask_at(
        &socket,
        "POST",
        "/v1/networks",
        r#"{"name": "other", "ports": 1}"#,
    );
    assert_eq!(other.status, 409, "{other:?}");
    assert!(other.detail().contains("udp-bridge daemon"), "{other:?}");
    assert_eq!(house.end_by(Signal::SIGTERM).code(), Some(0));
    let ends = alone.ends();
    ends[1].ping(host, ends[2].ipv4.into());
}

fn race(host: &Host) {
    let house = House::start(host, "");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || host.ask("POST", "/v1/networks", r#"{"name": "web", "ports": 3}"#).status;
        let all: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 3, "{statuses:?}");
    house.assert_reached("web");
}

fn at_once(host: &Host) {
    let house = House::start(host, "");
    let names = ["a", "b", "c", "d", "e", "f"];
    std::thread::scope(|scope| {
        for name in names {
            let house = &house;
            scope.spawn(move || house.make(name));
        }
    });
    assert_eq!(house.names(), names);
    let ends: Vec<_> = names.iter().map(|name| host.ends(name)).collect();
    for (index, name) in names.iter().enumerate() {
        house.assert_reached(name);
        let others = ends.iter().enumerate().filter(|(other, _)| *other != index);
        for (_, other) in others {
            assert_ne!(ends[index][0].ipv4, other[0].ipv4);
        }
    }
}

fn published(host: &Host) {
    let house = House::start(host, "");
    house.make_with("red", r#", "publish": ["127.0.0.1:8080:red-1:80"]"#);
    let ask = |name: &str| {
        let body = format!(
            r#"{{"name": "{name}", "ports": 1, "publish": ["127.0.0.1:8080:{name}-1:80"]}}"#
        );
        host.ask("POST", "/v1/networks", &body)
    };
    let taken = ask("blue");
    assert_eq!(taken.status, 400, "{taken:?}");
    assert!(taken.detail().contains("8080 is taken"), "{taken:?}");
    let ends = host.ends("red");
    let server = ends[1].visit(host, || TcpListener::bind("0.0.0.0:80").unwrap());
    let mut client = TcpStream::connect("127.0.0.1:8080").unwrap();
    client.set_read_timeout(Some(wait::LONG)).unwrap();
    client.write_all(b"?").unwrap();
    let (mut accepted, _) = server.accept().unwrap();
    accepted.read_exact(&mut [0]).unwrap();
    assert_eq!(host.ask("DELETE", "/v1/networks/red", "").status, 204);
    let broken = client.read(&mut [0]).unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::ConnectionReset);
    assert_eq!(ask("blue").status, 201);
}

fn outside(host: &Host) {
    let outside = host.add_outside(1500);
    let before = host.snapshot();
    let house = House::start(host, "");
    for name in ["red", "blue"] {
        house.make(name);
    }
    let assert_goes_out = |name: &str| {
        for family in Family::BOTH {
            host.ends(name)[1].ping(host, family.of(&outside));
        }
    };
    assert_goes_out("red");
    assert_goes_out("blue");
    assert_eq!(host.ask("DELETE", "/v1/networks/red", "").status, 204);
    assert_goes_out("blue");
    house.make("green");
    assert_goes_out("green");
    assert_eq!(house.end_by(Signal::SIGTERM).code(), Some(0));
    before.assert_same(&host.snapshot());
}

fn undone(host: &Host) {
    host.add_netns("web-2");
    let house = House::start(host, "");
    house.make("red");
    let before = host.snapshot();
    let refused = host.ask("POST", "/v1/networks", r#"{"name": "web", "ports": 3}"#);
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.detail().contains("namespace web-2 exists"), "{refused:?}");
    before.assert_same(&host.snapshot());
    house.assert_reached("red");
}
