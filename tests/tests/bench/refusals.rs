//! What is refused, and in which words?

use super::runs::JSON;
use std::fs;
use std::path::Path;
use std::process::Command;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("unknown_workloads_and_systems_are_told_the_known_ones", unknown);
    suite.add("a_busy_machine_is_refused_unless_it_is_meant", busy);
    suite.add("broken_and_foreign_files_are_not_compared", foreign);
}

fn unknown(host: &Host) {
    for (options, words) in [
        ("--workload sctp-1", ["no workload is named \"sctp-1\"", "tcp-rr-loaded"]),
        ("--system hub", ["no system is named \"hub\"", "slirp4netns"]),
        ("--workers 0", ["--workers: there must be 1 to 16 workers", "not 0"]),
        ("--workers 1,17", ["--workers: there must be 1 to 16 workers", "not 17"]),
        ("--workers two", ["'two'", "--workers"]),
        ("--workers 2 --system kernel", ["--workers is of the system ours", "--system"]),
        ("--system ours-2w", ["no system is named \"ours-2w\"", "--workers says"]),
        ("--mtu 100", ["--mtu must be", "not 100"]),
        ("--full --quick", ["--full", "--quick"]),
        ("--json /nowhere/bench.json", ["/nowhere/bench.json", "No such file"]),
    ] {
        let refused = host.udp_bridge(&format!("bench --noisy {options}"));
        assert_ne!(refused.code(), Some(0), "{options}: {refused:#?}");
        for word in words {
            assert!(refused.stderr.contains(word), "{word} is not in {refused:#?}");
        }
    }
    for options in ["--system hub", "--workers 17", "--workers 2 --system kernel"] {
        assert_eq!(host.udp_bridge(&format!("bench {options}")).code(), Some(2), "{options}");
    }
}

fn busy(host: &Host) {
    let program = "while :; do :; done";
    let spinning: Vec<_> =
        (0..2).map(|_| host.start(Command::new("/bin/sh").args(["-c", program]))).collect();
    let refused =
        host.udp_bridge("bench --system loopback --workload tcp-rr --json /run/bench.json");
    assert_eq!(refused.code(), Some(1), "{refused:#?}");
    assert!(refused.stderr.contains("busy with other things"), "{refused:#?}");
    assert!(refused.stderr.contains("--noisy"), "{refused:#?}");
    assert!(!Path::new(JSON).exists());
    drop(spinning);
}

fn foreign(host: &Host) {
    for (name, text, words) in [
        ("broken", "{\"program\": \"udp-br", "is no JSON"),
        ("foreign", "{\"end\": {\"sum_sent\": 1}}", "not what `udp-bridge bench --json` writes"),
        ("older", "{\"program\": \"udp-bridge bench\", \"format\": 2}", "has format 2"),
        ("damaged", "{\"program\": \"udp-bridge bench\", \"format\": 3}", "is damaged"),
    ] {
        let path = format!("/run/{name}.json");
        fs::write(&path, text).unwrap();
        let refused = host.udp_bridge(&format!("bench compare {path} {path}"));
        assert_eq!(refused.code(), Some(2), "{refused:#?}");
        assert!(refused.stderr.contains(words) && refused.stderr.contains(&path), "{refused:#?}");
    }
    let refused = host.udp_bridge("bench compare /run/none.json /run/none.json");
    assert!(refused.stderr.contains("cannot read /run/none.json"), "{refused:#?}");
}
