//! A daemon for a test.

use nix::sys::signal::Signal;
use udp_bridge_tests::host::process::{Finished, Running};
use udp_bridge_tests::host::{Host, wait};

/// A daemon that answers; it is ended when it is dropped.
pub(super) struct House<'h> {
    pub(super) host: &'h Host,
    pub(super) running: Running,
}

impl<'h> House<'h> {
    /// Starts `udp-bridge daemon` with these options and waits until it answers.
    pub(super) fn start(host: &'h Host, options: &str) -> Self {
        let mut running = host.start(&mut host.command(&format!("daemon {options}")));
        wait::for_yes("the daemon answers", || {
            assert!(!running.has_ended(), "it ended: {}", running.stderr());
            let socket = host.daemon_socket();
            std::os::unix::net::UnixStream::connect(socket).is_ok()
        });
        assert_eq!(host.ask("GET", "/v1/daemon", "").json()["pid"], running.pid().as_raw());
        Self { host, running }
    }

    /// Makes a network of two ports.
    pub(super) fn make(&self, name: &str) {
        self.make_with(name, "");
    }

    /// The same with more to say.
    pub(super) fn make_with(&self, name: &str, more: &str) {
        let body = format!(r#"{{"name": "{name}", "ports": 2{more}}}"#);
        let made = self.host.ask("POST", "/v1/networks", &body);
        assert_eq!(made.status, 201, "{made:?}");
    }

    /// Do the two ports of a network hear each other and the host?
    pub(super) fn assert_reached(&self, name: &str) {
        let ends = self.host.ends(name);
        for address in ends[2].addresses() {
            ends[1].ping(self.host, address);
            ends[0].ping(self.host, address);
        }
    }

    /// The names of its networks.
    pub(super) fn names(&self) -> Vec<String> {
        let listed = self.host.ask("GET", "/v1/networks", "").json();
        let names = listed.as_array().unwrap().iter();
        names.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Ends it by a signal and waits.
    pub(super) fn end_by(self, signal: Signal) -> Finished {
        self.running.signal(signal);
        self.running.wait()
    }
}
