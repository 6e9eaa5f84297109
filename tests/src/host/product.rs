//! How is the real command run?

use super::process::{Finished, Running};
use super::traffic::End;
use super::{Host, wait};
use dataplane::wire::ethernet::MacAddr;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

/// Builds the command as this test was built, so that `cargo test` alone is enough.
pub fn build() {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--workspace", "--bins", "--target-dir"]);
        cargo.arg(profile_dir().parent().unwrap());
        if profile_dir().ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(
            status.is_ok_and(|status| status.success()) && binary().exists(),
            "cannot build {}; run `cargo build --workspace` and look at what it says",
            binary().display()
        );
    });
}

/// The folder of the profile, in which the command lies and the tests in `deps`.
pub fn profile_dir() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
}

/// The command.
pub fn binary() -> PathBuf {
    profile_dir().join("udp-bridge")
}

/// A port as `ps --json` tells of it.
#[derive(Clone, Debug)]
pub struct Port(Value);

impl Port {
    /// Its name.
    pub fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    /// Is its device still there?
    pub fn is_alive(&self) -> bool {
        self.0["alive"].as_bool().unwrap()
    }

    /// Does it reach only ports that are not isolated?
    pub fn is_isolated(&self) -> bool {
        self.0["isolated"].as_bool().unwrap()
    }

    /// The MAC of its interface.
    pub fn mac(&self) -> MacAddr {
        self.0["mac"].as_str().unwrap().parse().unwrap()
    }

    /// How many frames from it or to it were dropped for this reason.
    pub fn drops(&self, reason: &str) -> u64 {
        let drops = self.0["counters"]["drops"].as_array().unwrap();
        let of_reason = drops.iter().find(|drop| drop["reason"] == reason);
        of_reason.map_or(0, |drop| drop["frames"].as_u64().unwrap())
    }

    /// How many frames from it or to it were dropped for any reason, or because nobody read fast enough.
    pub fn all_drops(&self) -> u64 {
        let drops = self.0["counters"]["drops"].as_array().unwrap();
        let counted: u64 = drops.iter().map(|drop| drop["frames"].as_u64().unwrap()).sum();
        counted + self.0["ring_drops"].as_u64().unwrap_or_default()
    }

    /// The names of its offloads.
    pub fn offloads(&self) -> Vec<&str> {
        self.0["offloads"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
    }

    /// One of its counters.
    pub fn counter(&self, name: &str) -> u64 {
        self.0["counters"][name].as_u64().unwrap()
    }

    /// Where its interface is.
    pub fn end(&self) -> End {
        let address = |field: &str| Some(self.0[field].as_str()?.split('/').next()?.to_owned());
        End {
            namespace: self.0["namespace"].as_str().map(str::to_owned),
            ipv4: address("ipv4").unwrap().parse().unwrap(),
            ipv6: address("ipv6").map(|text| text.parse().unwrap()),
        }
    }
}

/// A network in the foreground; it is ended when it is dropped.
pub struct Network<'h> {
    host: &'h Host,
    /// Its process.
    pub running: Running,
    /// Its name.
    pub name: String,
}

/// The environment variable that says how many workers the networks of tests have.
pub const WORKERS: &str = "UDP_BRIDGE_TEST_WORKERS";

impl Host {
    /// `udp-bridge` with these arguments, a space between each two.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments.split_whitespace());
        command
    }

    /// Runs `udp-bridge` with these arguments to its end.
    pub fn udp_bridge(&self, arguments: &str) -> Finished {
        self.finish(&mut self.command(arguments))
    }

    /// `udp-bridge up` with these arguments in the foreground, when it is ready. Where [`WORKERS`] is set
    /// it has so many workers, if it is not said otherwise.
    pub fn up(&self, arguments: &str) -> Network<'_> {
        let workers = match std::env::var(WORKERS) {
            Ok(count) if !arguments.contains("--workers") => format!(" --workers {count}"),
            _ => String::new(),
        };
        self.up_as(&mut self.command(&format!("up {arguments}{workers}")))
    }

    /// The same with a command of one's own.
    pub fn up_as(&self, command: &mut Command) -> Network<'_> {
        let arguments: Vec<_> = command.get_args().map(|one| one.to_str().unwrap()).collect();
        let named = arguments.iter().position(|one| *one == "--name");
        let name = named.map_or("ub0", |at| arguments[at + 1]).to_owned();
        let mut running = self.start(command);
        wait::for_yes("the network is up", || {
            assert!(!running.has_ended(), "it ended: {}{}", running.stdout(), running.stderr());
            self.is_running(&name)
        });
        Network { host: self, running, name }
    }

    /// Does `ps` tell of a running network of this name?
    pub fn is_running(&self, name: &str) -> bool {
        let listed = self.udp_bridge(&format!("ps {name} --json"));
        serde_json::from_str::<Value>(&listed.stdout)
            .is_ok_and(|networks| networks[0]["state"] == "running")
    }

    /// The ports of a network, the host's first.
    pub fn ports(&self, name: &str) -> Vec<Port> {
        let listed = self.udp_bridge(&format!("ps {name} --json")).ok().stdout;
        let networks: Value = serde_json::from_str(&listed).unwrap();
        networks[0]["ports"].as_array().unwrap().iter().cloned().map(Port).collect()
    }

    /// The ends of a network, the host first.
    pub fn ends(&self, name: &str) -> Vec<End> {
        self.ports(name).iter().map(Port::end).collect()
    }

    /// Makes the folder of the built programs readable to all users, whoever owns what is above.
    pub fn open_programs_to_all(&self) -> PathBuf {
        let shared = Path::new("/run/programs");
        std::fs::create_dir(shared).unwrap();
        super::bind(&profile_dir(), shared).unwrap();
        shared.to_owned()
    }
}

impl Network<'_> {
    /// What `up` shows; that it stands is told to others before.
    pub fn shown(&self) -> String {
        let shown = || Some(self.running.stdout()).filter(|shown| shown.contains("udp-bridge ps"));
        wait::for_some("what was made is shown", shown)
    }

    /// Its ports, the host's first.
    pub fn ports(&self) -> Vec<Port> {
        self.host.ports(&self.name)
    }

    /// Its ends, the host first.
    pub fn ends(&self) -> Vec<End> {
        self.host.ends(&self.name)
    }

    /// Ends it by a signal and waits.
    pub fn end_by(self, signal: Signal) -> Finished {
        self.running.signal(signal);
        self.running.wait()
    }
}
