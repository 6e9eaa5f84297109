//! What docs/capture.md shows runs.

use std::process::Command;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::{Host, product, wait};

const TRACE: &str = include_str!("../../../docs/trace.md");
const CAPTURE: &str = include_str!("../../../docs/capture.md");

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(&[Need::Tcpdump], "each_documented_capture_runs", examples);
    suite.add("each_documented_trace_runs_and_says_what_is_shown", traces);
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

fn traces(host: &Host) {
    host.add_outside(1500);
    let rules = TRACE.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    std::fs::write("/run/rules.toml", rules).unwrap();
    let _network = host.up("--ports 2 --publish 8080:ub0-1:80 --rules /run/rules.toml");
    let mut examples = 0;
    for example in TRACE.split("```console\n$ udp-bridge ").skip(1) {
        let (line, rest) = example.split_once('\n').unwrap();
        let shown = rest.split("```").next().unwrap();
        let told = host.udp_bridge(line).ok().stdout;
        assert_eq!(without_what_varies(&told), without_what_varies(shown), "{line}: {told}");
        examples += 1;
    }
    assert!(examples >= 3, "{examples}");
}

/// The words without MACs and the ports that NAT chooses.
fn without_what_varies(text: &str) -> Vec<String> {
    let is_mac = |word: &str| word.matches(':').count() == 5;
    let line = |line: &str| {
        let words = line.split_whitespace().map(|word| match word {
            mac if is_mac(mac) => "MAC",
            nat if nat.starts_with("192.0.2.1:6") => "NAT",
            other => other,
        });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(line).collect()
}
