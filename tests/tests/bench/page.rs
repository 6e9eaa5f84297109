//! How does the page look in a real browser?
//!
//! Chromium, without a screen, opens a copy of the page in a window as narrow as a phone's. Scripts in the
//! copy tell what they see: errors, plots in which nothing is drawn, text too small to read, and
//! whether anything is wider than the window. The page itself has no scripts.

use super::runs::{finish, run};
use serde_json::Value;
use std::fs;

use std::process::Command;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::{Need, Suite};

/// Catches what goes wrong from the first line on.
const WATCH: &str = "<script>var wrong=[];addEventListener('error',e=>wrong.push(e.message||'a resource'),true)</script>";

/// Looks at it when all is there. A line may be flat, so one of its sides is enough.
const LOOK: &str = "<script>
const box = it => it.getBoundingClientRect();
const seen = it => box(it).width + box(it).height > 1;
const plots = [...document.querySelectorAll('svg.plot')];
const empty = plots.filter(it => ![...it.querySelectorAll('.mark')].some(seen));
const scale = it => box(it).width / it.viewBox.baseVal.width;
document.body.dataset.seen = JSON.stringify({
  wrong, plots: plots.length, empty: empty.map(it => it.getAttribute('aria-label')),
  letters: Math.min(...plots.map(it => 11 * scale(it))),
  spill: document.documentElement.scrollWidth - innerWidth,
});
</script>";

pub(super) fn add_to(suite: &mut Suite) {
    suite.add_needing(&[Need::Chromium], "the_page_is_drawn_in_a_browser", drawn);
    suite.add_needing(&[Need::Chromium], "a_page_with_faults_is_seen_to_have_them", faults);
}

/// What the scripts see of this page.
fn look(host: &Host, page: &str) -> Value {
    let (head, rest) = page.split_once("<head>").unwrap();
    let (body, end) = rest.rsplit_once("</body>").unwrap();
    let probe = "/run/probe.html";
    fs::write(probe, format!("{head}<head>{WATCH}{body}{LOOK}</body>{end}")).unwrap();
    let mut command = Command::new("chromium");
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--no-first-run", "--user-data-dir=/run/chromium", "--window-size=390,844"])
        .args(["--virtual-time-budget=2000", "--dump-dom", "file:///run/probe.html"])
        .env("HOME", "/run");
    let dumped = finish(host, &mut command).ok().stdout;
    let seen = dumped.split_once("data-seen=\"").and_then(|(_, rest)| rest.split_once('"'));
    let seen = seen.unwrap_or_else(|| panic!("the scripts did not run: {dumped}")).0;
    serde_json::from_str(&seen.replace("&quot;", "\"")).unwrap()
}

fn drawn(host: &Host) {
    let workloads = "tcp-1,tcp-rr,udp-64,masq-tcp-rr,tcp-1/ports-8";
    run(host, &format!("--system ours,loopback --workload {workloads} --html /run/bench.html"));
    let page = fs::read_to_string("/run/bench.html").unwrap();
    let seen = look(host, &page);
    assert_eq!(seen["wrong"], Value::Array(Vec::new()), "{seen}");
    assert_eq!(seen["empty"], Value::Array(Vec::new()), "{seen}");
    // Three of figures, two of round trips, growth, set-up and memory of two shapes.
    assert!(seen["plots"].as_u64() >= Some(9), "{seen}");
    assert!(seen["letters"].as_f64() >= Some(9.0), "{seen}");
    assert!(seen["spill"].as_f64() <= Some(0.0), "{seen}");
}

fn faults(host: &Host) {
    let seen = look(
        host,
        "<!doctype html><html><head></head><body><p style=\"width:3000px\">wide</p>\
         <svg class=\"plot\" viewBox=\"0 0 360 10\" width=\"90\" aria-label=\"hollow\">\
         <rect class=\"mark\" width=\"0\" height=\"0\"/></svg>\
         <script>nothing.there()</script></body></html>",
    );
    assert_eq!(seen["empty"], Value::from(vec!["hollow"]), "{seen}");
    assert!(seen["wrong"][0].as_str().unwrap().contains("nothing"), "{seen}");
    assert!(seen["letters"].as_f64() < Some(9.0), "{seen}");
    assert!(seen["spill"].as_f64() > Some(0.0), "{seen}");
}
