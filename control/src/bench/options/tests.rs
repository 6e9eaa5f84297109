//! Which options are possible, and what do they come to?

use super::*;
use clap::{Args, FromArgMatches};

fn options(arguments: &[&str]) -> Options {
    let command = Options::augment_args(clap::Command::new("bench"));
    let words = std::iter::once("bench").chain(arguments.iter().copied());
    Options::from_arg_matches(&command.try_get_matches_from(words).unwrap()).unwrap()
}

fn refused(arguments: &[&str]) -> OptionError {
    options(arguments).check().unwrap_err()
}

#[test]
fn without_options_the_bridged_loads_are_measured_five_times_for_two_seconds() {
    let settings = options(&[]).check().unwrap();
    assert_eq!((settings.rounds, settings.seconds, settings.mtu), (5, 2.0, 1500));
    assert_eq!(
        names(&settings.workloads),
        "tcp-1, tcp-1-reverse, tcp-4, tcp-4-reverse, tcp-1-both, tcp-rr, udp-18, udp-gso"
    );
    assert_eq!(settings.systems, System::ALL);
}

#[test]
fn routed_is_the_ways_through_the_host_and_the_bridge_beside_them() {
    let settings = options(&["--routed", "--flows", "1"]).check().unwrap();
    assert_eq!(
        names(&settings.workloads),
        "masq-tcp-1, masq-tcp-1-reverse, published-tcp-1, masq-tcp-crr, masq-udp-18, \
         masq-udp-gso, tcp-1, nat-idle-tcp-1"
    );
}

#[test]
fn quick_and_full_have_a_budget() {
    let quick = options(&["--quick"]).check().unwrap();
    assert_eq!((quick.rounds, quick.seconds, quick.budget), (2, 0.5, Some(QUICK)));
    let full = options(&["--full"]).check().unwrap();
    assert_eq!((full.rounds, full.budget), (5, Some(FULL)));
    assert!(full.workloads.len() > 40);
}

#[test]
fn workloads_and_systems_are_measured_once_in_the_order_named() {
    let words = "--workload udp-18,tcp-8 --workload udp-18 --system pasta,ours,pasta";
    let words: Vec<&str> = words.split(' ').collect();
    let settings = options(&words).check().unwrap();
    assert_eq!(names(&settings.workloads), "udp-18, tcp-8");
    assert_eq!(settings.systems, [System::Pasta, System::OURS]);
}

#[test]
fn ours_is_a_system_for_each_number_of_workers_in_its_place() {
    let ours = |count| System::Ours(Some(Workers::new(count).unwrap()));
    let settings = options(&["--workers", "2,1,2", "--system", "kernel,ours"]).check().unwrap();
    assert_eq!(settings.systems, [System::Kernel, ours(2), ours(1)]);
    let settings = options(&["--workers", "16"]).check().unwrap();
    assert_eq!(settings.systems[..2], [ours(16), System::Kernel]);
    assert_eq!(settings.systems.len(), System::ALL.len());
}

#[test]
fn workers_are_refused_as_up_refuses_them_and_where_ours_is_not_measured() {
    for count in ["0", "17", "1,17"] {
        let refused = refused(&["--workers", count]).to_string();
        assert!(refused.starts_with("--workers: there must be 1 to 16 workers, not "));
    }
    let refused = refused(&["--workers", "2", "--system", "kernel"]);
    assert_eq!(refused, OptionError::WorkersOfNone);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    assert_eq!(refused(&["--rounds", "0"]), OptionError::Rounds(0));
    assert_eq!(refused(&["--rounds", "1001"]), OptionError::Rounds(1001));
    assert_eq!(refused(&["--seconds", "0.1"]), OptionError::Seconds(0.1));
    assert!(matches!(refused(&["--seconds", "nan"]), OptionError::Seconds(_)));
    assert_eq!(refused(&["--flows", "1,0"]), OptionError::Flows(0));
    assert_eq!(refused(&["--mtu", "1279"]), OptionError::Mtu(1279));
    assert_eq!(refused(&["--mtu", "65535"]), OptionError::Mtu(65535));
}

#[test]
fn unknown_names_are_told_the_known_ones() {
    let words = refused(&["--workload", "sctp"]).to_string();
    assert!(words.starts_with("no workload is named \"sctp\"; there are tcp-1, "), "{words}");
    for known in ["tcp-rr-loaded", "udp-18-lossless", "mesh-8", "masq-", "/published-N"] {
        assert!(words.contains(known), "{words}");
    }
    assert_eq!(
        refused(&["--system", "ours,hub"]).to_string(),
        "no system is named \"hub\"; there are ours, kernel, nftables, ovs, ovs-tso, vde, \
         slirp4netns, pasta, loopback (--workers says how many workers ours has)"
    );
}
