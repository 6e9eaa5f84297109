//! Are files written whole or not at all, and can they be compared?

use super::runs::{JSON, SHORT, finish};
use nix::mount::{MsFlags, mount};
use std::fs;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_run_compared_with_itself_has_not_changed", same);
    suite.add("runs_with_other_workers_are_compared_and_that_is_told", workers);
    suite.add("a_full_disk_leaves_nothing_under_the_name_and_what_was_there_stays", full);
}

fn same(host: &Host) {
    let twice = SHORT.replace("--rounds 1", "--rounds 2");
    let command = format!("{twice} --system ours,loopback --workload tcp-rr");
    finish(host, &mut host.command(&command)).ok();
    let compared = host.udp_bridge(&format!("bench compare {JSON} {JSON} --all")).ok();
    assert!(compared.stdout.contains("0 of "), "{compared:#?}");
    assert!(compared.stdout.contains("tcp-rr p50"), "{compared:#?}");
    assert!(!compared.stdout.contains("better") && !compared.stdout.contains("worse"));
}

fn workers(host: &Host) {
    for count in [1, 3] {
        let short = SHORT.replace(JSON, &format!("/run/bench-{count}.json"));
        let command = format!("{short} --system ours --workers {count} --workload tcp-rr");
        finish(host, &mut host.command(&command)).ok();
    }
    let compare = "bench compare /run/bench-1.json /run/bench-3.json --all";
    let compared = host.udp_bridge(compare).ok();
    for words in ["ours-1w (udp-bridge ", " is compared with ours-3w (udp-bridge ", ", 3 workers)"]
    {
        assert!(compared.stdout.contains(words), "{compared:#?}");
    }
    assert!(compared.stdout.contains("tcp-rr p50"), "{compared:#?}");
}

fn full(host: &Host) {
    fs::create_dir("/run/small").unwrap();
    let size = Some("size=8k");
    mount(Some("none"), "/run/small", Some("tmpfs"), MsFlags::empty(), size).unwrap();
    let short = SHORT.replace(JSON, "/run/small/bench.json");
    for before in [None, Some("before")] {
        if let Some(text) = before {
            fs::write("/run/small/bench.json", text).unwrap();
        }
        // Enough samples for more than there is room.
        let command =
            format!("{short} --system loopback --workload tcp-rr,tcp-1,udp-18,tcp-crr,udp-gso");
        let refused = finish(host, &mut host.command(&command));
        assert_eq!(refused.code(), Some(1), "{refused:#?}");
        assert!(refused.stderr.contains("No space left on device"), "{refused:#?}");
        // The table is not lost with the file.
        assert!(refused.stdout.contains("tcp-rr p50"), "{refused:#?}");
        let left: Vec<_> = fs::read_dir("/run/small").unwrap().map(Result::unwrap).collect();
        assert_eq!(left.len(), usize::from(before.is_some()), "{left:?}");
        assert_eq!(fs::read_to_string("/run/small/bench.json").ok().as_deref(), before);
    }
}
