//! What is refused before anything is touched?

use super::world::add_outside;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("what_cannot_be_is_refused_by_its_option_and_nothing_is_touched", refused);
    suite.add("ports_of_another_network_are_refused", taken);
}

fn refused(host: &Host) {
    add_outside(host);
    let before = host.snapshot();
    for (arguments, words) in [
        ("--snat 192.0.2.77", vec!["--snat 192.0.2.77", "no address of this host"]),
        ("--nat-ports 7", vec!["--nat-ports \"7\"", "61000-65535"]),
        ("--nat-ports 9-7", vec!["--nat-ports", "9-7"]),
        ("--uplink none --nat-ports 5000-6000", vec!["--nat-ports", "--uplink none"]),
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
