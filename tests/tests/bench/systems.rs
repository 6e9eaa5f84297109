//! Does each system carry its ways, and does one that is missing or fails leave the rest as it is?

use super::runs::{JSON, SHORT, absence, assert_measured, command, finish, read, run};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::{Host, wait};

const WITHIN: &str = "tcp-1,tcp-rr";
const THROUGH: &str = "masq-tcp-rr,published-tcp-rr,masq-udp-64,published-udp-64";

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("ours_carries_all_ways", |host| {
        carries(host, "ours", &format!("{WITHIN},{THROUGH},nat-idle-tcp-rr"));
    });
    suite.add("loopback_stands_in_for_all_ways", |host| {
        carries(host, "loopback", &format!("{WITHIN},{THROUGH},nat-idle-tcp-rr,masq-tcp-crr"));
    });
    suite.add_needing(&[Need::KernelBridge], "the_kernels_bridge_carries_what_is_within", |host| {
        carries(host, "kernel", WITHIN);
    });
    let needs = [Need::KernelBridge, Need::Nft];
    suite.add_needing(&needs, "the_kernels_nat_carries_what_is_routed", |host| {
        host.show_netfilter();
        carries(host, "nftables", &format!("{THROUGH},nat-idle-tcp-rr,masq-tcp-crr"));
    });
    suite.add_needing(&[Need::OpenVswitch], "open_vswitch_carries_what_is_within", |host| {
        carries(host, "ovs", WITHIN);
    });
    suite.add_needing(&[Need::OpenVswitch], "open_vswitch_with_tso_is_another_system", |host| {
        carries(host, "ovs-tso", WITHIN);
    });
    suite.add_needing(&[Need::Vde], "vde_carries_what_is_within", |host| {
        carries(host, "vde", WITHIN);
    });
    suite.add_needing(&[Need::Slirp], "slirp4netns_carries_what_is_routed", |host| {
        carries(host, "slirp4netns", THROUGH);
    });
    suite.add_needing(&[Need::Pasta], "pasta_carries_what_is_routed", |host| {
        carries(host, "pasta", THROUGH);
    });
    suite.add("a_system_that_is_missing_is_named_and_the_rest_is_measured", missing);
    suite.add("a_system_that_fails_is_told_with_its_own_words_and_the_rest_is_measured", failing);
    suite.add("ours_with_two_workers_is_measured_beside_ours_with_one", workers);
    suite.add("nothing_is_left_behind", clean);
    suite.add("nothing_is_left_of_a_run_that_is_killed", killed);
}

/// The system alone carries all of these, is told with its name, and has what it stands with.
fn carries(host: &Host, system: &str, workloads: &str) {
    let written = run(host, &format!("--system {system} --workload {workloads}"));
    for workload in workloads.split(',') {
        assert_measured(&written, system, workload);
    }
    assert_eq!(written["failures"], Value::Array(Vec::new()));
    let label = &written["labels"][0];
    assert_eq!(label["system"], system);
    assert!(label["label"].as_str().unwrap().len() > 3, "{label}");
    let standing = &written["standings"][0];
    assert!(standing["setup_seconds"].as_f64() > Some(0.0), "{standing}");
    assert!(standing["teardown_seconds"].as_f64() > Some(0.0), "{standing}");
    assert!(!standing["interfaces"].as_array().unwrap().is_empty(), "{standing}");
    let of_the_kernel = ["kernel", "nftables", "loopback"].contains(&system);
    assert_eq!(standing["memory"].is_null(), of_the_kernel, "{standing}");
}

fn missing(host: &Host) {
    host.hide_programs();
    let all = "ours,loopback,kernel,nftables,ovs,vde,slirp4netns,pasta";
    let written = run(host, &format!("--system {all} --workload tcp-rr,masq-tcp-rr"));
    for system in ["ours", "loopback"] {
        assert_measured(&written, system, "tcp-rr");
        assert_measured(&written, system, "masq-tcp-rr");
    }
    for (system, package) in [
        ("nftables", "nftables"),
        ("ovs", "openvswitch-switch"),
        ("vde", "vde2"),
        ("slirp4netns", "slirp4netns"),
        ("pasta", "passt"),
    ] {
        let (why, missing) = absence(&written, system);
        assert!(missing && why.contains(package), "{why}");
    }
}

fn failing(host: &Host) {
    // Not under /run, which is another one where it is measured.
    let folder = "/mnt";
    mount(Some("none"), folder, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    let program = format!("{folder}/vde_switch");
    let script =
        "#!/bin/sh\n[ \"$1\" = --version ] && echo VDE 0 || { echo no room here >&2; exit 3; }\n";
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let mut command = command(host, "--system vde,ours --workload tcp-rr");
    let finished = finish(host, command.env("PATH", path)).ok();
    let written = read(&finished);
    assert_measured(&written, "ours", "tcp-rr");
    let (why, missing) = absence(&written, "vde");
    assert_eq!(why, "vde_switch failed (exit status: 3): no room here");
    assert!(!missing);
    assert!(finished.stdout.contains(&format!("vde failed: {why}")), "{finished:#?}");
}

fn workers(host: &Host) {
    let options = "--workers 1,2 --system ours --seconds 1 --workload tcp-rr,masq-tcp-rr";
    let options = format!("{} {options}", SHORT.replace("--seconds 0.2", ""));
    let mut running = host.start(&mut host.command(&options));
    // Of two networks, one bridged and one routed, each has a second worker.
    wait::for_yes("two networks have a second worker", || {
        assert!(!running.has_ended(), "{}", running.stderr());
        host.threads_named("dataplane-1") == 2
    });
    assert_eq!(host.threads_named("dataplane"), 4);
    let finished = running.wait().ok();
    let written = read(&finished);
    for system in ["ours-1w", "ours-2w"] {
        assert_measured(&written, system, "tcp-rr");
        assert_measured(&written, system, "masq-tcp-rr");
    }
    let told = |line: &str| line.starts_with("ours-2w ") && line.contains(", 2 workers");
    assert!(finished.stdout.lines().any(told), "{finished:#?}");
    assert!(written["labels"][1]["label"].as_str().unwrap().ends_with(", 2 workers"));
}

fn clean(host: &Host) {
    let before = host.snapshot();
    run(host, "--system ours,kernel,loopback --workload tcp-rr,masq-tcp-rr");
    fs::remove_file(JSON).unwrap();
    before.assert_same(&host.snapshot());
    assert_eq!(host.processes(), []);
}

fn killed(host: &Host) {
    let before = host.snapshot();
    let options = "bench --noisy --rounds 9 --seconds 9 --system ours,loopback --workload tcp-1";
    let mut running = host.start(&mut host.command(options));
    // Itself, the one within, our network's, and both ends of the traffic.
    wait::for_yes("it measures", || {
        assert!(!running.has_ended(), "{}", running.stderr());
        host.processes().len() >= 5
    });
    running.signal(Signal::SIGKILL);
    wait::for_yes("all of it has ended", || host.processes().is_empty());
    before.assert_same(&host.snapshot());
}
