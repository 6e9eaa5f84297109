//! Does each kind of workload give its figures?

use super::runs::{assert_measured, figures, run};
use serde_json::Value;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("streams_go_out_in_and_both_ways", streams);
    suite.add("round_trips_under_load_have_percentiles_and_the_streams_beside_them", loaded);
    suite.add("the_highest_rate_without_loss_is_searched_by_halving", lossless);
    suite.add("all_ports_of_a_switch_can_be_busy_at_once", mesh);
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
    assert_eq!(trials.len(), 7, "{sample}");
    assert!(trials[0]["rate"].is_null() && trials[1]["rate"].as_f64() > Some(0.0), "{sample}");
    let passed = |trial: &&Value| trial["sent"] == trial["received"];
    let best = trials[1..].iter().filter(passed).filter_map(|trial| trial["sent"].as_u64());
    // Which of them is passed is the machine's affair; what is told must be one of those.
    assert_eq!(sample["sent"].as_u64().unwrap(), best.max().unwrap_or(0), "{sample}");
}

fn mesh(host: &Host) {
    let written = run(host, "--system ours --workload mesh-8,broadcast-8");
    assert_measured(&written, "ours", "mesh-8");
    assert_measured(&written, "ours", "broadcast-8");
    assert_eq!(written["standings"][0]["shape"]["ends"], 8);
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
