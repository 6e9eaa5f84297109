//! What is refused before anything is made.

use std::os::unix::process::CommandExt;
use std::process::Command;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::product;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_hard_limit_that_is_too_low_is_told", descriptors);
    let users = &[Need::UserNamespaces];
    suite.add_needing(users, "nothing_is_published_without_root", without_root);
    suite.add_needing(&[Need::Ipv6], "a_publish_that_cannot_be_is_refused_whole", refused);
}

/// Each is refused with code 2, and its message has all of these words.
const BAD: &[(&str, &[&str])] = &[
    ("-p banana", &["--publish", "banana", "8080:ub0-1:80"]),
    ("-p 0:ub0-1:80", &["--publish", "0:ub0-1:80", "1 to 65535"]),
    ("-p 65536:ub0-1:80", &["65536", "1 to 65535"]),
    ("-p 80:ub0-1:0", &["1 to 65535"]),
    ("-p 8000-8009:ub0-1:80-88", &["10 ports", "9"]),
    ("-p 8009-8000:ub0-1:80-89", &["ends before it begins"]),
    ("-p 80:ub0-3:80", &["ub0-3", "ub0-1 to ub0-2"]),
    ("-p 80:web:80", &["web", "ub0-1 to ub0-2"]),
    ("-p 80:ub0-1:80/sctp", &["sctp", "/tcp or /udp"]),
    ("-p localhost:80:ub0-1:80", &["localhost", "no address"]),
    ("-p 80:ub0-1:80 -p 80:ub0-2:80", &["80:ub0-2:80", "already", "80:ub0-1:80"]),
    ("-p 80:ub0-1:80 -p 127.0.0.1:80:ub0-2:80", &["127.0.0.1:80:ub0-2:80", "already"]),
    ("-p 70-90:ub0-1:70-90 -p 80:ub0-2:80", &["80:ub0-2:80", "already", "70-90"]),
    ("-p 192.0.2.1:80:ub0-1:80", &["192.0.2.1", "this host has no", "127.0.0.1"]),
    ("-p [2001:db8::1]:80:ub0-1:80", &["2001:db8::1", "this host has no", "::1"]),
    ("-p [::ffff:127.0.0.1]:80:ub0-1:80", &["::ffff:127.0.0.1", "write 127.0.0.1"]),
    ("--subnet6 none -p [2001:db8::1]:80:ub0-1:80", &["no IPv6", "--subnet6"]),
    ("-p 1-65535:ub0-1:1-65535 -p 1-2:ub0-1:1-2/udp", &["65536", "publish fewer"]),
    // The first is right, and is not kept.
    ("-p 80:ub0-1:80 -p 192.0.2.1:81:ub0-1:81", &["192.0.2.1"]),
];

fn refused(host: &Host) {
    let before = host.snapshot();
    let mut faults = Vec::new();
    for (arguments, words) in BAD {
        let refused = host.udp_bridge(&format!("up --ports 2 {arguments}"));
        let said = words.iter().all(|word| refused.stderr.contains(word));
        if refused.code() != Some(2) || !said || !refused.stdout.is_empty() {
            faults.push(format!("{arguments}: {refused:?}, wanted {words:?}"));
        }
        before.assert_same(&host.snapshot());
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Without `CAP_SYS_RESOURCE` nobody raises it.
fn descriptors(host: &Host) {
    let before = host.snapshot();
    let script = "ulimit -n 5000 && exec setpriv --bounding-set -sys_resource \
                  --inh-caps -sys_resource \"$0\" up --ports 1 -p 10000-19999:ub0-1:10000-19999";
    let mut command = Command::new("sh");
    let refused = host.finish(command.args(["-c", script]).arg(product::binary()));
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    for word in ["10000 published ports", "ulimit -Hn", "5000"] {
        assert!(refused.stderr.contains(word), "{word} is not in {}", refused.stderr);
    }
    before.assert_same(&host.snapshot());
}

fn without_root(host: &Host) {
    host.open_tun_to(0o666);
    let programs = host.open_programs_to_all();
    let before = host.snapshot();
    let mut command = Command::new(programs.join("udp-bridge"));
    command.args(["up", "--ports", "1", "-p", "8080:ub0-1:80"]).uid(12_345).gid(12_345);
    let refused = host.finish(command.current_dir("/").env_remove("XDG_RUNTIME_DIR"));
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--publish needs root"), "{refused:?}");
    before.assert_same(&host.snapshot());
}
