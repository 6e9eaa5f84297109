//! What docs/capture.md shows runs.

use std::process::Command;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::{Host, product, wait};

const CAPTURE: &str = include_str!("../../../docs/capture.md");

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(&[Need::Tcpdump], "each_documented_capture_runs", examples);
}

fn examples(host: &Host) {
    let network = host.up("--ports 2");
    let ends = network.ends();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", product::profile_dir().display());
    let lines: Vec<_> =
        CAPTURE.lines().filter(|line| line.starts_with("udp-bridge capture ")).collect();
    assert!(lines.len() >= 5, "{lines:?}");
    for line in lines {
        let mut running = host.start(Command::new("sh").args(["-c", line]).env("PATH", &path));
        wait::for_yes(line, || {
            ends[1].ping(host, ends[2].ipv4.into());
            running.has_ended()
        });
        let finished = running.wait().ok();
        assert!(finished.stderr.contains("frames captured, 0 missed"), "{line}: {finished:?}");
    }
    std::fs::remove_file("/tmp/all.pcapng").unwrap();
}
