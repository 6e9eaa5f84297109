//! Networks whose rules name each other, as one of them comes or goes.
//!
//! ```text
//!   up --ports: red ─── rules of red and of the others ─── front: apply -f
//!                   └────────────────────────────────────── blue: up --ports
//! ```

use super::across;
use super::written::{TWO, apply, is_out_of_reach, reaches, write};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::net::TcpListener;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::process::Running;
use udp_bridge_tests::host::talk::Talk;
use udp_bridge_tests::host::traffic::{End, pings_once};
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("rules_of_a_file_that_name_what_up_made_go_with_it", up_goes_from_a_file);
    suite.add("rules_of_what_up_made_that_name_what_up_made_go_with_it", up_goes_from_up);
    suite.add("rules_of_what_up_made_that_name_a_file_s_network_go_with_it", file_goes_from_up);
    suite.add("files_change_while_their_rules_name_what_up_made", others_change);
    suite.add("rules_that_name_a_network_that_ends_by_itself_go_with_it", ends_by_itself);
    suite.add_needing(&[Need::Ipv6], "the_first_packet_between_two_new_networks_arrives", first);
}

/// A daemon that answers.
fn daemon(host: &Host) -> Running {
    host.add_outside(1500);
    host.daemon()
}

/// `up --ports 2` with the rest, in the daemon.
fn up(host: &Host, name: &str, subnet: &str) {
    host.udp_bridge(&format!("up --ports 2 --name {name} --subnet {subnet} --detach")).ok();
}

fn add_rule(host: &Host, network: &str, fields: &[&str]) {
    host.finish(host.command(&format!("rule add --network {network}")).args(fields)).ok();
}

/// Lets everything pass between two networks.
fn open(host: &Host, one: &str, other: &str) {
    for (network, named) in [(one, other), (other, one)] {
        for way in ["to", "from"] {
            let field = format!("{way} = 'network:{named}'");
            add_rule(host, network, &[&field, "verdict = 'accept'"]);
        }
    }
}

/// The rules of a file's network that let everything pass to another one and from it.
fn accepts(network: &str, other: &str) -> String {
    let rule = |way| {
        format!("[[networks.{network}.rules]]\n{way} = 'network:{other}'\nverdict = 'accept'\n")
    };
    ["to", "from"].map(rule).concat()
}

/// The verdicts of a network's rules in their order, each with what it matches by `to`.
fn rules(host: &Host, network: &str) -> Vec<(String, Option<String>)> {
    let told = host.udp_bridge(&format!("rules {network} --json")).ok().stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let rules = told["rules"].as_array().unwrap().iter().enumerate();
    rules
        .map(|(id, rule)| {
            assert_eq!(rule["id"], id, "{told}");
            (text(&rule["verdict"]).unwrap(), text(&rule["to"]))
        })
        .collect()
}

fn talk(host: &Host, from: &End, to: &End) -> Talk {
    let listener = to.visit(host, || TcpListener::bind((to.ipv4, 0)).unwrap());
    let client = from.connect(host, listener.local_addr().unwrap());
    Talk::start(client, listener.accept().unwrap().0)
}

/// What runs names `gone` no more, is a file as it is printed, and that file changes nothing.
fn assert_forgotten(host: &Host, gone: &str, rest: &str) {
    let config = host.udp_bridge("config").ok().stdout;
    assert!(!config.contains(gone), "{gone} is in\n{config}");
    assert!(config.contains(&format!("[networks.{rest}]")), "{config}");
    for more in ["--dry-run", ""] {
        assert_eq!(apply(host, &config, more).ok().stdout, "nothing to do\n", "{config}");
    }
    assert_eq!(host.udp_bridge("config").ok().stdout, config);
}

/// The network `rest` has two ends that talk, and rules around those that name a network that goes.
struct Rest<'h> {
    host: &'h Host,
    name: &'static str,
    ends: [End; 2],
    talk: Talk,
}

const DROPS_PING: [&str; 2] = ["protocol = 'icmp'", "verdict = 'drop'"];

impl<'h> Rest<'h> {
    /// Opens the way to `other`, between a rule that drops what goes outside and one that drops pings.
    fn beside(host: &'h Host, name: &'static str, ends: [End; 2], other: &str) -> Self {
        add_rule(host, name, &["to = 'outside'", "verdict = 'reject'"]);
        open(host, name, other);
        let talk = talk(host, &ends[0], &ends[1]);
        Self { host, name, ends, talk }
    }

    /// What is left is as it was, and can be changed.
    fn assert_whole(self, gone: &str) {
        let Self { host, name, ends: [one, other], talk } = self;
        assert_forgotten(host, gone, name);
        let outside = ("reject".to_owned(), Some("outside".to_owned()));
        assert_eq!(rules(host, name), std::slice::from_ref(&outside));
        talk.assert_goes_on();
        one.ping(host, other.ipv4.into());
        add_rule(host, name, &DROPS_PING);
        assert_eq!(rules(host, name), [outside, ("drop".to_owned(), None)]);
        let moment = std::time::Duration::from_millis(300);
        assert!(!one.visit(host, || pings_once(other.ipv4.into(), moment)), "the new rule holds");
        talk.assert_goes_on();
        host.udp_bridge(&format!("rule rm 1 --network {name}")).ok();
        one.ping(host, other.ipv4.into());
        talk.finish();
    }
}

fn sandbox(name: &str, address: &str) -> End {
    End { namespace: Some(name.to_owned()), ipv4: address.parse().unwrap(), ipv6: None }
}

fn of_front() -> [End; 2] {
    [sandbox("a", "172.16.1.2"), sandbox("b", "172.16.1.3")]
}

/// The two ports of a network.
fn of_ports(host: &Host, network: &str) -> [End; 2] {
    let [_host, one, other]: [End; 3] = host.ends(network).try_into().unwrap();
    [one, other]
}

fn up_goes_from_a_file(host: &Host) {
    let daemon = daemon(host);
    up(host, "red", "10.9.1.0/24");
    apply(host, TWO, "").ok();
    let [red, _] = of_ports(host, "red");
    let rest = Rest::beside(host, "front", of_front(), "red");
    assert!(reaches(host, "a", &red.ipv4.to_string()));
    red.ping(host, "172.16.1.3".parse().unwrap());
    host.udp_bridge("down red").ok();
    rest.assert_whole("red");
    // One of the same name and addresses begins with nothing open, whatever it lets out itself.
    up(host, "red", "10.9.1.0/24");
    add_rule(host, "red", &["to = 'network:front'", "verdict = 'accept'"]);
    assert!(is_out_of_reach(host, "red-1", "172.16.1.2"));
    assert!(is_out_of_reach(host, "a", &red.ipv4.to_string()));
    host.udp_bridge("down --all").ok();
    drop(daemon);
}

fn up_goes_from_up(host: &Host) {
    let daemon = daemon(host);
    up(host, "red", "10.9.1.0/24");
    up(host, "blue", "10.9.2.0/24");
    let ([red, _], [blue, blue_too]) = (of_ports(host, "red"), of_ports(host, "blue"));
    let rest = Rest::beside(host, "blue", [blue.clone(), blue_too], "red");
    blue.ping(host, red.ipv4.into());
    red.ping(host, blue.ipv4.into());
    host.udp_bridge("down red").ok();
    rest.assert_whole("red");
    drop(daemon);
}

fn file_goes_from_up(host: &Host) {
    let daemon = daemon(host);
    up(host, "blue", "10.9.2.0/24");
    apply(host, TWO, "").ok();
    let [blue, blue_too] = of_ports(host, "blue");
    let rest = Rest::beside(host, "blue", [blue.clone(), blue_too], "front");
    blue.ping(host, "172.16.1.2".parse().unwrap());
    host.udp_bridge("down front").ok();
    assert!(!host.netns("a").exists());
    rest.assert_whole("front");
    drop(daemon);
}

/// Nobody asks for it to go: who brought it up is interrupted.
fn ends_by_itself(host: &Host) {
    let daemon = daemon(host);
    apply(host, TWO, "").ok();
    let red = host.up("--ports 2 --name red --subnet 10.9.1.0/24");
    let rest = Rest::beside(host, "front", of_front(), "red");
    assert!(reaches(host, "a", &red.ends()[1].ipv4.to_string()));
    assert_eq!(red.end_by(Signal::SIGINT).code(), Some(0));
    rest.assert_whole("red");
    drop(daemon);
}

/// What files made is changed and goes while a rule of it names what is no file's.
fn others_change(host: &Host) {
    let daemon = daemon(host);
    up(host, "red", "10.9.1.0/24");
    let side = "[networks.side]\nsubnet = '172.16.2.0/24'\n[sandboxes.c.endpoints.side]\n";
    apply(host, &format!("{TWO}{side}"), "").ok();
    open(host, "front", "red");
    host.udp_bridge("connect c front").ok();
    host.udp_bridge("disconnect c front").ok();
    // A file may say the same, while it is there.
    let of_files = |name| format!("{TWO}{side}{}\n", accepts("front", name));
    assert_eq!(apply(host, &of_files("red"), "").ok().stdout, "nothing to do\n");
    let unknown = apply(host, &of_files("green"), "");
    assert!(unknown.code() == Some(2) && unknown.stderr.contains("green"), "{unknown:?}");
    host.udp_bridge("down side").ok();
    let [red, _] = of_ports(host, "red");
    assert!(reaches(host, "a", &red.ipv4.to_string()));
    drop(daemon);
}

/// What is sent once, right after `up -f` has returned, arrives: in a process of its own and in a daemon.
fn first(host: &Host) {
    host.add_outside(1500);
    let [front, back] = [accepts("front", "back"), accepts("back", "front")];
    let path = write("net.toml", &across::text(&front, &back));
    let to = |from, addresses: [&'static str; 2]| addresses.map(|address| (from, address));
    let pings = [to("a", across::B), to("b", across::A)].concat();
    for in_daemon in [false, true] {
        let daemon = in_daemon.then(|| host.daemon());
        // Each is the first once.
        for &(from, to) in &pings {
            host.udp_bridge(&format!("up -f {} --detach", path.display())).ok();
            let arrives = host.visit(from, || pings_once(to.parse().unwrap(), wait::LONG));
            assert!(arrives, "the first ping from {from} to {to}, in a daemon: {in_daemon}");
            host.udp_bridge("down --all").ok();
        }
        drop(daemon);
    }
}
