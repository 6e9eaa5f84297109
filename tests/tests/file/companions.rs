//! Networks whose rules name each other, as they come and go.

use super::written::write;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::traffic::pings_once;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    let v6 = &[Need::Ipv6];
    suite.add_needing(v6, "the_first_packet_between_two_new_networks_arrives", first);
}

/// Two networks of one file, whose rules let each begin.
const BOTH: &str = "\
version = 1
[networks.front]
subnet = '172.16.1.0/24'
subnet6 = 'fd00:1::/64'
[[networks.front.rules]]
to = 'network:back'
verdict = 'accept'
[[networks.front.rules]]
from = 'network:back'
verdict = 'accept'
[networks.back]
subnet = '172.16.2.0/24'
subnet6 = 'fd00:2::/64'
[[networks.back.rules]]
from = 'network:front'
verdict = 'accept'
[[networks.back.rules]]
to = 'network:front'
verdict = 'accept'
[sandboxes.a.endpoints.front]
address = '172.16.1.2'
address6 = 'fd00:1::2'
[sandboxes.b.endpoints.back]
address = '172.16.2.2'
address6 = 'fd00:2::2'
";

/// What is sent once, right after `up -f` has returned, arrives: in a process of its own and in a daemon.
fn first(host: &Host) {
    host.add_outside(1500);
    let path = write("net.toml", BOTH);
    let pings = [("a", "172.16.2.2"), ("a", "fd00:2::2"), ("b", "172.16.1.2"), ("b", "fd00:1::2")];
    for in_daemon in [false, true] {
        let daemon = in_daemon.then(|| {
            let daemon = host.start(&mut host.command("daemon"));
            wait::for_yes("the daemon answers", || host.daemon_socket().exists());
            daemon
        });
        // Each is the first once.
        for (from, to) in pings {
            host.udp_bridge(&format!("up -f {} --detach", path.display())).ok();
            let arrives = host.visit(from, || pings_once(to.parse().unwrap(), wait::LONG));
            assert!(arrives, "the first ping from {from} to {to}, in a daemon: {in_daemon}");
            host.udp_bridge("down --all").ok();
        }
        drop(daemon);
    }
}
