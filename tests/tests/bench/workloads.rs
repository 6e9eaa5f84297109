//! Does each kind of workload give its figures?

use super::runs::{assert_measured, figures, run};
use serde_json::Value;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::{Need, Suite};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("streams_go_out_in_and_both_ways", streams);
    suite.add("round_trips_under_load_have_percentiles_and_the_streams_beside_them", loaded);
    suite.add("the_highest_rate_without_loss_is_searched_by_halving", lossless);
    suite.add("all_ports_of_a_switch_can_be_busy_at_once", mesh);
    suite.add("a_nat_begins_and_forgets_connections_and_holds_as_many_as_it_may", tracked);
    let needs = [Need::KernelBridge];
    suite.add_needing(&needs, "a_switch_learns_and_keeps_as_many_addresses_as_it_may", learned);
    suite.add("networks_of_other_sizes_are_built_for_what_asks_for_them", sizes);
}

fn streams(host: &Host) {
    let workloads = "tcp-1,tcp-1-reverse,tcp-4-both,udp-gso,udp-1400";
    let written = run(host, &format!("--system ours --workload {workloads}"));
    for workload in workloads.split(',') {
        assert_measured(&written, "ours", workload);
        assert!(figures(&written, "ours").iter().any(|name| name == workload));
    }
    let sample = &written["samples"][0];
    assert_eq!(sample["congestion"].as_array().unwrap().len(), 2);
    assert!(written["congestion"].as_array().unwrap().contains(&sample["congestion"][0]));
}

fn loaded(host: &Host) {
    let written = run(host, "--system ours,loopback --workload tcp-rr-loaded");
    let names = figures(&written, "ours");
    for figure in ["p50", "p90", "p99", "p99.9", "streams"] {
        assert!(names.contains(&format!("tcp-rr-loaded {figure}")), "{names:?}");
    }
    let sample = &written["samples"][0];
    assert!(sample["beside"].as_f64() > Some(0.0), "{sample}");
    let quantiles = sample["latency"]["quantiles"].as_array().unwrap();
    assert!(quantiles.is_sorted_by(|one, other| one.as_f64() <= other.as_f64()), "{sample}");
}

fn lossless(host: &Host) {
    let written = run(host, "--system loopback --workload udp-18-lossless");
    let sample = &written["samples"][0];
    let trials = sample["trials"].as_array().unwrap();
    // The first is without a rate, and nothing is to be searched if it is passed.
    assert!(trials.len() == 1 || trials.len() == 9, "{sample}");
    assert!(trials[0]["rate"].is_null() && trials[0]["sent"].as_u64() > Some(0), "{sample}");
    let passed = |trial: &&Value| trial["sent"] == trial["received"];
    let mut sent = trials.iter().filter(passed).map(|trial| &trial["sent"]);
    // Which of them are passed is the machine's affair; what is told must be one of those.
    let told = &sample["sent"];
    assert!(sent.any(|it| it == told) || told == 0, "{sample}");
}

fn mesh(host: &Host) {
    let written = run(host, "--system ours --workload mesh-8,broadcast-8");
    assert_measured(&written, "ours", "mesh-8");
    assert_measured(&written, "ours", "broadcast-8");
    assert_eq!(written["standings"][0]["shape"]["ends"], 8);
}

fn tracked(host: &Host) {
    let workloads = "masq-flows,masq-flows-capacity";
    let written = run(host, &format!("--system ours --workload {workloads}"));
    assert_eq!(written["failures"], Value::Array(Vec::new()));
    let samples = written["samples"].as_array().unwrap();
    assert!(!samples[0]["trials"].as_array().unwrap().is_empty(), "{}", samples[0]);
    assert!(samples[0]["torn_down"].as_f64() > Some(0.0), "{}", samples[0]);
    assert_measured(&written, "ours", "masq-flows-capacity");
    // The default is 262,144, and there are more than these.
    assert!(samples[1]["count"].as_u64() <= Some(262_144), "{}", samples[1]);
    assert!(figures(&written, "ours").contains(&"masq-flows torn down".to_owned()));
}

fn learned(host: &Host) {
    let written = run(host, "--system ours,kernel --workload learning-rate,fdb-capacity");
    for system in ["ours", "kernel"] {
        assert_measured(&written, system, "learning-rate");
        assert_measured(&written, system, "fdb-capacity");
    }
    let samples = written["samples"].as_array().unwrap();
    let of = |system: &str| {
        let found =
            samples.iter().find(|one| one["system"] == system && one["workload"] == "fdb-capacity");
        found.unwrap()["count"].as_u64().unwrap()
    };
    // 8,192 is what ours may have by default, some of them the ends' own; the kernel has no limit.
    assert!((7_000..=8_300).contains(&of("ours")), "{}", of("ours"));
    assert!(of("kernel") > 19_000, "{}", of("kernel"));
}

fn sizes(host: &Host) {
    let workloads = "tcp-rr,tcp-rr/mtu-9000,tcp-rr/ports-16,published-tcp-rr/published-100";
    let written = run(host, &format!("--system ours --workload {workloads}"));
    for workload in workloads.split(',') {
        assert_measured(&written, "ours", workload);
    }
    let shapes: Vec<_> =
        written["standings"].as_array().unwrap().iter().map(|one| &one["shape"]).collect();
    assert_eq!(shapes.len(), 4);
    assert_eq!((&shapes[1]["mtu"], &shapes[2]["ends"]), (&9000.into(), &16.into()));
    assert_eq!(shapes[3]["published"], 100);
    let names = figures(&written, "ours");
    assert!(names.contains(&"set-up, 16 ports, MTU 1500".to_owned()), "{names:?}");
    let jumbo = written["standings"][1]["interfaces"].as_array().unwrap();
    assert!(jumbo.iter().any(|one| one["mtu"] == 9000), "{jumbo:?}");
}
