//! `exec`, `ps`, `fdb`, `doctor`, several networks.

use serde_json::Value;
use std::process::Command;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::nftables::set_forward_policy;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("up_shows_the_ports_and_what_to_try", up_shows);
    suite.add("up_runs_no_other_program", no_program);
    suite.add_needing(
        &[Need::Ipv6],
        "ipv6_switched_off_on_the_host_is_on_for_our_interface_alone",
        ipv6_off,
    );
    suite.add_needing(&[Need::IpCommand], "ip_netns_lists_the_namespaces", listed_by_ip);
    suite.add("exec_ends_with_the_code_of_its_command", exec_codes);
    suite.add("exec_runs_in_the_ports_namespace", exec_is_inside);
    suite.add("exec_of_an_unknown_port_names_those_there_are", exec_unknown);
    suite.add("ps_and_fdb_tell_of_every_port", ps_and_fdb);
    suite.add("verbs_about_an_unknown_network_fail", unknown_network);
    suite.add("doctor_finds_this_machine_ready", doctor);
    suite.add_needing(&[Need::Nftables], "doctor_names_a_policy_that_drops", dropping);
    suite.add("a_second_network_of_the_same_name_is_refused", second_refused);
    suite.add("of_two_starting_at_once_one_wins", race);
    suite.add("two_networks_live_side_by_side", side_by_side);
}

fn up_shows(host: &Host) {
    let network = host.up("--ports 2");
    let shown = network.shown();
    for port in network.ports() {
        let words = [port.name().to_owned(), port.mac().to_string(), port.end().ipv4.to_string()];
        for word in words {
            assert!(shown.contains(&word), "{word} is not in\n{shown}");
        }
    }
    assert!(shown.contains("udp-bridge exec ub0-1 -- ping"), "{shown}");
}

fn no_program(host: &Host) {
    let network = host.up_as(host.command("up --ports 2").env("PATH", ""));
    let ends = network.ends();
    ends[1].ping(host, ends[2].ipv4.into());
}

fn ipv6_off(host: &Host) {
    std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").unwrap();
    let before = host.snapshot();
    let network = host.up("--ports 1");
    let ends = network.ends();
    ends[1].ping(host, ends[0].ipv6.unwrap().into());
    drop(network);
    before.assert_same(&host.snapshot());
}

fn listed_by_ip(host: &Host) {
    let _network = host.up("--ports 2");
    let listed = host.finish(Command::new("ip").arg("netns")).ok().stdout;
    assert_eq!(listed.lines().filter(|line| line.starts_with("ub0-")).count(), 2, "{listed}");
    let inside =
        host.finish(Command::new("ip").args("netns exec ub0-1 ip -o link".split(' '))).ok();
    assert!(inside.stdout.contains("eth0"), "{inside:?}");
}

fn exec_codes(host: &Host) {
    let _network = host.up("--ports 1");
    let exec = |command: &[&str]| host.finish(host.command("exec ub0-1 --").args(command));
    assert_eq!(exec(&["true"]).code(), Some(0));
    assert_eq!(exec(&["sh", "-c", "exit 42"]).code(), Some(42));
    let missing = exec(&["no-such-program"]);
    assert_eq!(missing.code(), Some(127));
    assert!(missing.stderr.contains("no-such-program"), "{missing:?}");
    assert_eq!(exec(&["/etc/passwd"]).code(), Some(126));
    let said = exec(&["sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((&said.stdout[..], &said.stderr[..]), ("out\n", "err\n"));
}

fn exec_is_inside(host: &Host) {
    let _network = host.up("--ports 2");
    for port in ["ub0-2", "2"] {
        let list = format!("exec {port} -- ls /sys/class/net");
        assert_eq!(host.udp_bridge(&list).ok().stdout, "eth0\nlo\n");
    }
    let routes = host.udp_bridge("exec 1 -- cat /proc/net/route").ok().stdout;
    assert!(routes.contains("00000000"), "no default route in\n{routes}");
}

fn exec_unknown(host: &Host) {
    let _network = host.up("--ports 2");
    let refused = host.udp_bridge("exec web -- true");
    assert_eq!(refused.code(), Some(127));
    for word in ["web", "ub0-1", "ub0-2"] {
        assert!(refused.stderr.contains(word), "{refused:?}");
    }
}

fn ps_and_fdb(host: &Host) {
    let network = host.up("--ports 2");
    let ends = network.ends();
    ends[1].ping(host, ends[2].ipv4.into());
    let ports = network.ports();
    let names: Vec<_> = ports.iter().map(|port| port.name().to_owned()).collect();
    assert_eq!(names, ["ub0", "ub0-1", "ub0-2"]);
    assert!(ports[1].counter("received_frames") >= 2 && ports[2].counter("sent_bytes") > 98);
    let fdb = host.udp_bridge("fdb --json").ok().stdout;
    let fdb: Value = serde_json::from_str(&fdb).unwrap();
    for port in &ports {
        let entries = fdb.as_array().unwrap();
        let entry = entries.iter().find(|entry| entry["port"] == port.name()).unwrap();
        assert_eq!(
            (&entry["mac"], &entry["origin"]),
            (&port.mac().to_string().into(), &"static".into())
        );
    }
    let table = host.udp_bridge("ps").ok().stdout + &host.udp_bridge("fdb").ok().stdout;
    for port in &ports {
        let lines = table.lines().filter(|line| line.contains(&port.mac().to_string()));
        assert_eq!(lines.count(), 2, "{table}");
    }
}

fn unknown_network(host: &Host) {
    for (verb, code) in
        [("ps web", 1), ("fdb web", 1), ("down web", 1), ("exec web-1 -- true", 127)]
    {
        let refused = host.udp_bridge(verb);
        assert_eq!(refused.code(), Some(code), "{verb}");
        assert!(refused.stderr.contains("web"), "{refused:?}");
    }
    assert_eq!(host.udp_bridge("ps --json").ok().stdout.trim(), "[]");
}

fn doctor(host: &Host) {
    let before = host.snapshot();
    let report = host.udp_bridge("doctor --json").ok().stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["ready"], &report["privileged"]), (&true.into(), &true.into()));
    host.udp_bridge("doctor").ok();
    before.assert_same(&host.snapshot());
}

fn dropping(host: &Host) {
    let firewalls = || {
        let report = host.udp_bridge("doctor --json").ok().stdout;
        let report: Value = serde_json::from_str(&report).unwrap();
        let findings = report["findings"].as_array().unwrap().clone();
        findings.into_iter().find(|finding| finding["subject"] == "firewalls").unwrap()
    };
    let words = |finding: &Value| finding["found"].as_str().unwrap().to_owned();
    let none = firewalls();
    assert!(!words(&none).contains("FORWARD"), "{none}");
    set_forward_policy(false).unwrap();
    let accepts = firewalls();
    assert!(words(&accepts).contains("chain ip filter FORWARD"), "{accepts}");
    assert!(!words(&accepts).contains("dropped"), "{accepts}");
    set_forward_policy(true).unwrap();
    let drops = firewalls();
    assert_eq!(drops["grade"], "lacks");
    assert!(words(&drops).contains("dropped if no rule lets it pass"), "{drops}");
    let advice = drops["advice"].as_str().unwrap();
    assert!(advice.contains("nft insert rule ip filter FORWARD iifname ub0 accept"), "{drops}");
}

fn second_refused(host: &Host) {
    let network = host.up("--ports 1");
    let second = host.udp_bridge("up --ports 2");
    assert_eq!(second.code(), Some(2), "{second:?}");
    assert!(second.stderr.contains("ub0"), "{second:?}");
    assert!(second.stderr.contains("udp-bridge down"), "{second:?}");
    let ends = network.ends();
    ends[0].ping(host, ends[1].ipv4.into());
}

fn race(host: &Host) {
    let before = host.snapshot();
    let all: Vec<_> =
        (0..4).map(|_| host.start(&mut host.command("up --ports 3 --detach"))).collect();
    let ends: Vec<_> =
        all.into_iter().map(udp_bridge_tests::host::process::Running::wait).collect();
    let winners = ends.iter().filter(|end| end.code() == Some(0)).count();
    assert_eq!(winners, 1, "{ends:#?}");
    let ends = host.ends("ub0");
    ends[1].ping(host, ends[3].ipv4.into());
    host.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
}

fn side_by_side(host: &Host) {
    let before = host.snapshot();
    let red = host.up("--ports 2 --name red");
    let between = host.snapshot();
    let blue = host.up("--ports 2 --name blue --mtu 9000");
    let (reds, blues) = (red.ends(), blue.ends());
    assert!(reds.iter().all(|one| blues.iter().all(|other| one.ipv4 != other.ipv4)));
    for ends in [&reds, &blues] {
        for address in ends[2].addresses() {
            ends[0].ping(host, address);
            ends[1].ping(host, address);
        }
    }
    host.udp_bridge("down blue").ok();
    between.assert_same(&host.snapshot());
    reds[1].ping(host, reds[2].ipv4.into());
    drop(blue);
    host.udp_bridge("down red").ok();
    before.assert_same(&host.snapshot());
}
