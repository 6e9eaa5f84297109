//! `conntrack` against a running network.

use serde_json::Value;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("conntrack_says_how_many_flows_it_has_shown", shows);
    suite.add("conntrack_fails_if_there_is_nothing_to_delete", nothing_to_delete);
    suite.add("conntrack_refuses_what_makes_no_sense", refuses);
}

fn shows(host: &Host) {
    let _network = host.up("--ports 1");
    for options in ["", "-L -p tcp --dport 80", "-f ipv6 --port ub0-1", "--port 1"] {
        let listed = host.udp_bridge(&format!("conntrack {options}")).ok();
        let count = listed.stdout.lines().count();
        let words = format!(": {count} flow entries have been shown.\n");
        assert!(listed.stderr.ends_with(&words), "{options}: {listed:?}");
    }
    let listed: Value =
        serde_json::from_str(&host.udp_bridge("conntrack --json").ok().stdout).unwrap();
    assert!(listed.is_array(), "{listed}");
    let counted = host.udp_bridge("conntrack -C").ok().stdout;
    assert!(counted.trim().parse::<u64>().is_ok(), "{counted}");
    let emptied = host.udp_bridge("conntrack -F").ok().stderr;
    assert!(emptied.contains("connection tracking table has been emptied"), "{emptied}");
}

fn nothing_to_delete(host: &Host) {
    let _network = host.up("--ports 1");
    let deleted = host.udp_bridge("conntrack -D -s 203.0.113.77");
    assert_eq!((deleted.code(), &deleted.stdout[..]), (Some(1), ""), "{deleted:?}");
    assert!(deleted.stderr.ends_with(": 0 flow entries have been deleted.\n"), "{deleted:?}");
}

fn refuses(host: &Host) {
    let _network = host.up("--ports 1");
    for (options, code, words) in [
        ("-p icmp --dport 80", 2, "protocol 1 has none"),
        ("-s 10.0.0.1 -d ::1", 2, "different families"),
        ("-s here", 2, "--orig-src"),
        ("-F -p tcp", 2, "cannot be used with"),
        ("--port web", 2, "there is no port"),
        ("nowhere", 1, "there is no network \"nowhere\""),
    ] {
        let refused = host.udp_bridge(&format!("conntrack {options}"));
        assert_eq!(refused.code(), Some(code), "{options}: {refused:?}");
        assert!(refused.stderr.contains(words), "{options}: {refused:?}");
    }
}
