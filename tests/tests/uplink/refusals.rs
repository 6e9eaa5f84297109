//! What is refused before anything is touched?

use super::world::{add_outside, rules};
use nix::mount::{MsFlags, mount};
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("what_cannot_be_is_refused_by_its_option_and_nothing_is_touched", refused);
    suite.add("where_settings_cannot_be_written_only_who_asks_is_refused", read_only);
    suite.add("ports_of_another_network_are_refused", taken);
}

fn refused(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    for (arguments, words) in [
        ("--snat 192.0.2.77", vec!["--snat 192.0.2.77", "no address of this host"]),
        ("--nat-ports 7", vec!["--nat-ports \"7\"", "61000-65534"]),
        ("--nat-ports 65535-65535", vec!["--nat-ports", "65534"]),
        ("--nat-ports 9-7", vec!["--nat-ports", "9-7"]),
        ("--uplink none --nat-ports 5000-6000", vec!["--nat-ports", "--uplink none"]),
        ("--uplink none --nat-filtering address", vec!["--nat-filtering", "--uplink none"]),
        ("--internal --snat 192.0.2.1", vec!["--snat", "--internal"]),
        ("--snat somewhere", vec!["--snat", "somewhere", "like 192.0.2.1"]),
        ("--publish 65535:ub0-1:80", vec!["--publish: 65535", "choose another"]),
        ("--nat-ports 80-90 --publish 85:ub0-1:80", vec!["--nat-ports 80-90", "85"]),
        ("--conntrack-max -1", vec!["--conntrack-max", "'-1'"]),
        ("--conntrack-max 0", vec!["--conntrack-max", "not 0"]),
        ("--conntrack-timeout tpc=5", vec!["tpc", "tcp-established"]),
        ("--conntrack-timeout udp=0", vec!["--conntrack-timeout", "udp"]),
    ] {
        let refused = host.udp_bridge(&format!("up --ports 1 {arguments}"));
        assert_eq!(refused.code(), Some(2), "{arguments}: {refused:?}");
        for word in words {
            assert!(refused.stderr.contains(word), "{word} is not in {refused:?}");
        }
        before.assert_same(&host.snapshot());
    }
}

/// As in many containers.
fn read_only(host: &Host) {
    add_outside(host);
    let sys = "/proc/sys";
    let bind = MsFlags::MS_BIND;
    mount(Some(sys), sys, None::<&str>, bind, None::<&str>).unwrap();
    let flags = bind | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, sys, None::<&str>, flags, None::<&str>).unwrap();
    let before = host.snapshot();
    let refused = host.udp_bridge("up --ports 1 --uplink route");
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("is /proc/sys writable here?"), "{refused:?}");
    before.assert_same(&host.snapshot());
    let refused = host.udp_bridge("up --ports 1 --nat-ports 60000-61500");
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    for word in ["--nat-ports: 60000-60999", "ip_local_reserved_ports"] {
        assert!(refused.stderr.contains(word), "{refused:?}");
    }
    // Who asks for an address asks for the way out.
    let refused = host.udp_bridge("up --ports 1 --snat 192.0.2.1");
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    before.assert_same(&host.snapshot());
    // Who did not ask for it gets the network without.
    let shown = host.udp_bridge("up --ports 1 --detach").ok().stdout;
    assert!(shown.contains("no way to the outside"), "{shown}");
    assert_eq!(rules(), ["v4 0 lookup local", "v6 0 lookup local"]);
    host.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
}

fn taken(host: &Host) {
    add_outside(host);
    let _red = host.up("--ports 1 --name red --nat-ports 20000-29999");
    let before = host.snapshot();
    let refused = host.udp_bridge("up --ports 1 --name blue --nat-ports 29999-30000");
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    for word in ["--nat-ports 29999-30000", "red", "20000-29999"] {
        assert!(refused.stderr.contains(word), "{refused:?}");
    }
    before.assert_same(&host.snapshot());
}
