//! A step that fails halfway, or behind others, leaves what was there before.
//!
//! Somebody renames an interface of ours in a sandbox: then no route can be led by it.

use super::written::{TWO, apply, reaches, up, write};
use netlink_packet_route::link::LinkAttribute;
use std::fs;
use std::net::{TcpListener, TcpStream};
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::rtnl::Rtnl;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("routes_that_can_be_led_in_one_sandbox_alone_are_led_in_none", internal);
    suite.add("a_default_route_that_cannot_lead_elsewhere_stays", gateway);
    suite.add("an_mtu_that_one_interface_does_not_take_is_no_ones", mtu);
    suite.add("a_way_out_that_was_made_is_taken_away_again", opened);
    suite.add("a_way_out_that_was_taken_away_is_made_again_with_its_ports", closed);
}

/// Gives an interface another name, as `ip link set NAME name OTHER` does.
fn rename(host: &Host, sandbox: &str, name: &str, other: &str) {
    host.visit(sandbox, || {
        // Its IPv6 address stays meanwhile.
        fs::write(format!("/proc/sys/net/ipv6/conf/{name}/keep_addr_on_down"), "1").unwrap();
        let rtnl = Rtnl::open();
        rtnl.down(name);
        rtnl.set(name, LinkAttribute::IfName(other.to_owned()));
        rtnl.up(other);
    });
}

/// By which interfaces default routes lead, IPv4 first.
fn default_routes(host: &Host, sandbox: &str) -> Vec<String> {
    host.visit(sandbox, || {
        let read = |file| fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap();
        let v4 = read("route");
        let v4 = v4.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let v4 = v4.filter(|words| words[1] == "00000000").map(|words| words[0].to_owned());
        let v6 = read("ipv6_route");
        let v6 = v6.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        // The kernel's own route to nowhere leads by lo.
        let v6 = v6.filter(|words| words[1] == "00" && words[9] != "lo");
        let is_default = |words: &Vec<&str>| words[0].bytes().all(|byte| byte == b'0');
        let v6 = v6.filter(is_default).map(|words| words[9].to_owned());
        v4.chain(v6).collect()
    })
}

/// Fails to apply a text, for an interface is not found; then all is as it was.
fn assert_undone(host: &Host, text: &str, interface: &str) {
    let before = (host.snapshot(), host.udp_bridge("config").ok().stdout);
    let ended = apply(host, text, "");
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    let reason = format!("the kernel refuses to look up the interface {interface}: ");
    assert!(ended.stderr.contains(&reason), "{ended:?}");
    assert!(!ended.stderr.contains("cannot be undone"), "{ended:?}");
    before.0.assert_same(&host.snapshot());
    assert_eq!(host.udp_bridge("config").ok().stdout, before.1);
    assert_eq!(apply(host, &before.1, "").ok().stdout, "nothing to do\n");
}

fn internal(host: &Host) {
    let text = TWO.replace("[sandboxes.a.", "internal = true\n[sandboxes.a.");
    let running = up(host, &write("net.toml", &text), "front");
    rename(host, "b", "eth0", "mine");
    assert_undone(host, TWO, "eth0");
    assert!(default_routes(host, "a").is_empty(), "the network is internal still");
    rename(host, "b", "mine", "eth0");
    apply(host, TWO, "").ok();
    for sandbox in ["a", "b"] {
        assert_eq!(default_routes(host, sandbox), ["eth0", "eth0"], "{sandbox}");
    }
    drop(running);
}

fn gateway(host: &Host) {
    let back = "[networks.back]\nsubnet = '172.16.9.0/24'\n[sandboxes.a.endpoints.back]\n";
    let running = up(host, &write("net.toml", &format!("{TWO}{back}")), "back");
    assert_eq!(default_routes(host, "a"), ["eth0", "eth0"]);
    rename(host, "a", "eth1", "mine");
    assert_undone(host, &format!("{TWO}{back}gateway = true\n"), "eth1");
    assert_eq!(default_routes(host, "a"), ["eth0", "eth0"]);
    assert!(reaches(host, "a", "172.16.1.3"));
    rename(host, "a", "mine", "eth1");
    apply(host, &format!("{TWO}{back}gateway = true\n"), "").ok();
    assert_eq!(default_routes(host, "a"), ["eth1", "eth1"]);
    drop(running);
}

fn mtu(host: &Host) {
    let running = up(host, &write("net.toml", TWO), "front");
    rename(host, "b", "eth0", "mine");
    let text = |mtu| TWO.replace("[sandboxes.a.", &format!("mtu = {mtu}\n[sandboxes.a."));
    for other in [1400, 9000] {
        assert_undone(host, &text(other), "eth0");
        host.visit("a", || assert_eq!(Rtnl::open().mac_and_mtu("eth0").1, 1500));
    }
    drop(running);
}

/// A file of which the last step cannot be done: the default route of a leads to where no interface is.
fn elsewhere(network: &str, gateway: bool) -> String {
    let two = TWO.replace("[sandboxes.a.", &format!("{network}\n[sandboxes.a."));
    let back = "[networks.back]\nsubnet = '172.16.9.0/24'\n[sandboxes.a.endpoints.back]";
    format!("{two}{back}\ngateway = {gateway}\n")
}

fn opened(host: &Host) {
    let _outside = host.add_outside(1500);
    let text = elsewhere("uplink = 'none'", false);
    let running = up(host, &write("net.toml", &text), "back");
    rename(host, "a", "eth1", "mine");
    let wanted = elsewhere("uplink = 'route'\npublish = ['8080:a:80']", true);
    let steps = apply(host, &wanted, "--dry-run").ok().stdout;
    assert_behind(&steps, "open the way out", "lead the default route");
    assert_undone(host, &wanted, "eth1");
    assert!(TcpStream::connect("127.0.0.1:8080").is_err());
    drop(running);
}

fn closed(host: &Host) {
    let _outside = host.add_outside(1500);
    let text = elsewhere("uplink = 'route'\npublish = ['8080:a:80']", false);
    let running = up(host, &write("net.toml", &text), "back");
    rename(host, "a", "eth1", "mine");
    let wanted = elsewhere("uplink = 'none'\npublish = ['8081:a:80']", true);
    let steps = apply(host, &wanted, "--dry-run").ok().stdout;
    assert_behind(&steps, "close the way out", "lead the default route");
    assert_undone(host, &wanted, "eth1");
    assert!(TcpStream::connect("127.0.0.1:8081").is_err());
    let listener = host.visit("a", || TcpListener::bind("172.16.1.2:80").unwrap());
    let _client = TcpStream::connect("127.0.0.1:8080").unwrap();
    listener.accept().unwrap();
    drop(running);
}

fn assert_behind(steps: &str, first: &str, second: &str) {
    let at =
        |words: &str| steps.find(words).unwrap_or_else(|| panic!("{words} is not in\n{steps}"));
    assert!(at(first) < at(second), "{steps}");
}
