//! Files for tests, and a process that has made one.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use udp_bridge_tests::host::process::{Finished, Running};
use udp_bridge_tests::host::traffic::pings;
use udp_bridge_tests::host::{Host, STATE_DIR, wait};

/// Two sandboxes in one network.
pub(super) const TWO: &str = "\
version = 1
[networks.front]
subnet = '172.16.1.0/24'
[sandboxes.a.endpoints.front]
address = '172.16.1.2'
[sandboxes.b.endpoints.front]
address = '172.16.1.3'
";

/// A third one beside them.
pub(super) const THIRD: &str = "[sandboxes.c.endpoints.front]\naddress = '172.16.1.4'\n";

/// Writes a file on the host; returns its path.
pub(super) fn write(name: &str, text: &str) -> PathBuf {
    let path = Path::new("/run").join(name);
    fs::write(&path, text).unwrap();
    path
}

/// `up -f` in the foreground, when `network` is up.
pub(super) fn up(host: &Host, path: &Path, network: &str) -> Running {
    let mut running = host.start(&mut host.command(&format!("up -f {}", path.display())));
    wait::for_yes("the file is up", || {
        assert!(!running.has_ended(), "it ended: {}{}", running.stdout(), running.stderr());
        running.stdout().contains("OFFLOADS") && host.is_running(network)
    });
    running
}

/// `apply` of a text.
pub(super) fn apply(host: &Host, text: &str, more: &str) -> Finished {
    let path = write("apply.toml", text);
    host.udp_bridge(&format!("apply -f {} {more}", path.display()))
}

/// Removes the table of leases, which is meant to stay.
pub(super) fn forget_leases() {
    // There is none where nothing was made.
    let _ = fs::remove_file(Path::new(STATE_DIR).join("leases.json"));
}

/// Does the address answer in the namespace `from`?
pub(super) fn reaches(host: &Host, from: &str, to: &str) -> bool {
    let to: IpAddr = to.parse().unwrap();
    host.visit(from, || pings(to, wait::LONG))
}

/// Does it not, when asked once?
pub(super) fn is_out_of_reach(host: &Host, from: &str, to: &str) -> bool {
    let to: IpAddr = to.parse().unwrap();
    let moment = std::time::Duration::from_millis(300);
    host.visit(from, || !udp_bridge_tests::host::traffic::pings_once(to, moment))
}
