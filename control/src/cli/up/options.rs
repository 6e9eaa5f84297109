//! What can be said about a network that is to be made?
//!
//! Only the form is checked here; whether it makes sense is [`crate::model`]'s to say.

use super::super::known::DEFAULT_NAME;
use super::router_options::RouterOptions;
use super::rules_file::{self, RulesFileError};
use super::values::{PortSet, Rate, whole};
use crate::model::rules::RulesFile;
use crate::model::{NetworkRequest, storm, usual_workers};
use clap::{ArgAction, Args};
use dataplane::config::{StormLimit, SwitchConfig};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The hidden flag of the process that runs a network in the background.
pub(super) const IN_BACKGROUND: &str = "in-background";

/// What is said of one network, and in a file in the file.
const OF_ONE: [&str; 17] = [
    "ports",
    "subnet",
    "subnet6",
    "mtu",
    "name",
    "host_if",
    "isolate",
    "no_offloads",
    "publish",
    "no_source_check",
    "fdb_ageing",
    "fdb_max",
    "fdb_port_max",
    "workers",
    "rules",
    "icc",
    "internal",
];

/// Options of `up`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// How many ports, each with a namespace of its own
    #[arg(long, value_name = "N", value_parser = whole::<u32>, allow_negative_numbers = true)]
    #[arg(required_unless_present = "file")]
    ports: Option<u32>,
    /// File of networks, sandboxes and endpoints that are made, all or none; instead of all options
    /// but --detach
    #[arg(long, short, value_name = "FILE", conflicts_with_all = OF_ONE)]
    file: Option<PathBuf>,
    /// IPv4 subnet [default: the first free of 172.16.1.0/24, 172.16.2.0/24, …]
    #[arg(long, value_name = "CIDR")]
    subnet: Option<String>,
    /// IPv6 subnet, or `none` to do without IPv6 [default: one in fd00::/8 derived from the name]
    #[arg(long, value_name = "CIDR")]
    subnet6: Option<String>,
    /// MTU of all interfaces, in bytes
    #[arg(long, default_value_t = 1500, value_name = "BYTES", value_parser = whole::<u32>)]
    #[arg(allow_negative_numbers = true)]
    mtu: u32,
    /// Name of the network; its ports and their namespaces are NAME-1, NAME-2, …
    #[arg(long, default_value = DEFAULT_NAME)]
    name: String,
    /// Name of the host's interface [default: NAME]
    #[arg(long, value_name = "IF")]
    host_if: Option<String>,
    /// Return when the network is ready, and keep it in the background
    #[arg(long)]
    detach: bool,
    /// Ports that do not reach each other: `all`, or numbers like 1,2
    #[arg(long, value_name = "PORTS")]
    isolate: Option<PortSet>,
    /// Ports that get complete frames only: `all`, or numbers like 0,1 (0 is the host's)
    #[arg(long, value_name = "PORTS")]
    no_offloads: Option<PortSet>,
    /// Make a port of the host lead to a port of a namespace, `8080:ub0-1:80`; may be repeated
    #[arg(long, short, value_name = "[ADDR:]PORT[-PORT]:NAME:PORT[-PORT][/tcp|udp]")]
    publish: Vec<String>,
    /// Accept any source MAC on every port, and learn from it
    #[arg(long)]
    no_source_check: bool,
    /// Forget a learned MAC after this many seconds without a frame
    #[arg(long, value_name = "SECONDS", value_parser = whole::<u64>)]
    #[arg(default_value_t = SwitchConfig::DEFAULT_AGEING.as_secs(), allow_negative_numbers = true)]
    fdb_ageing: u64,
    /// Most MACs that the switch knows
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    #[arg(default_value_t = SwitchConfig::DEFAULT_FDB_CAPACITY, allow_negative_numbers = true)]
    fdb_max: usize,
    /// Most MACs that are learned at one port
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    #[arg(default_value_t = SwitchConfig::DEFAULT_FDB_PORT_LIMIT, allow_negative_numbers = true)]
    fdb_port_max: usize,
    /// Most frames per second of one port that are flooded, or `none`
    #[arg(long, value_name = "N", default_value_t = Rate::Limited(StormLimit::DEFAULT_FRAMES_PER_SECOND))]
    #[arg(allow_negative_numbers = true)]
    storm_packets: Rate,
    /// Most bytes per second that are written because of one port's floods, or `none`
    #[arg(long, value_name = "N", default_value_t = Rate::Limited(StormLimit::DEFAULT_BYTES_PER_SECOND))]
    #[arg(allow_negative_numbers = true)]
    storm_bytes: Rate,
    /// Threads that forward, each some of the flows; two, or one where there is one processor, if not said
    #[arg(long, value_name = "N", default_value_t = usual_workers().get(), value_parser = whole::<usize>)]
    #[arg(allow_negative_numbers = true)]
    workers: usize,
    /// File of rules that say what may pass
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// May namespaces begin connections to each other?
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    icc: bool,
    /// Keep the outside out, and the namespaces in
    #[arg(long)]
    internal: bool,
    #[command(flatten)]
    router: RouterOptions,
    /// Be the process in the background
    #[arg(long = IN_BACKGROUND, hide = true)]
    in_background: bool,
}

impl Options {
    /// Is a network in the background wanted, and are we the one to start it?
    pub(super) fn is_for_background(&self) -> bool {
        self.detach && !self.in_background
    }

    /// Are we the process in the background?
    pub(super) fn is_background(&self) -> bool {
        self.in_background
    }

    /// The file of networks, if that is what is to be made.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The file of rules, read.
    pub(super) fn rules(&self) -> Result<Option<RulesFile>, RulesFileError> {
        self.rules.as_deref().map(|path| rules_file::read("--rules", path)).transpose()
    }

    /// The same for the model, but for what must be read.
    pub(super) fn request(&self) -> NetworkRequest {
        let (isolate_all, isolate) = PortSet::split(self.isolate.as_ref());
        let (no_offloads_all, no_offloads) = PortSet::split(self.no_offloads.as_ref());
        NetworkRequest {
            name: self.name.clone(),
            ports: self.ports.unwrap_or_default(),
            subnet: self.subnet.clone(),
            subnet6: self.subnet6.clone(),
            mtu: self.mtu,
            host_if: self.host_if.clone(),
            isolate,
            isolate_all,
            no_offloads,
            no_offloads_all,
            publish: self.publish.clone(),
            check_source: !self.no_source_check,
            ageing: Duration::from_secs(self.fdb_ageing),
            fdb_capacity: self.fdb_max,
            fdb_port_limit: self.fdb_port_max,
            storm: storm(self.storm_packets.limit(), self.storm_bytes.limit()),
            workers: self.workers,
            rules: None,
            icc: self.icc,
            internal: self.internal,
            router: self.router.request(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UNREACHABLE;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        options: Options,
    }

    fn request(arguments: &[&str]) -> NetworkRequest {
        let arguments = ["up", "--ports", "3"].iter().chain(arguments);
        Alone::try_parse_from(arguments).unwrap().options.request()
    }

    fn refusal(arguments: &[&str]) -> String {
        let arguments = ["up", "--ports", "3"].iter().chain(arguments);
        Alone::try_parse_from(arguments).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_the_models() {
        let (ours, models) = (request(&[]), NetworkRequest::new("ub0", 3));
        assert_eq!(format!("{ours:?}"), format!("{models:?}"));
    }

    #[test]
    fn what_is_no_number_is_refused_in_plain_words() {
        for wrong in ["--mtu=big", "--fdb-max=-1", "--fdb-ageing=1.5", "--fdb-port-max=1k"] {
            let text = refusal(&[wrong]);
            assert!(text.contains("no whole number"), "{text}");
        }
        for option in ["--ports", "--mtu", "--fdb-max", "--conntrack-max", "--conntrack-port-max"] {
            let text = Alone::try_parse_from(["up", option, "-1"]).unwrap_err().to_string();
            let right = [option, "'-1'", "no whole number"].iter().all(|word| text.contains(word));
            assert!(right, "{text}");
        }
    }

    #[test]
    fn ports_are_named_by_number_or_all_at_once() {
        let some = request(&["--isolate", "1,3", "--no-offloads", "0"]);
        assert_eq!((some.isolate, some.isolate_all), (vec![1, 3], false));
        assert_eq!((some.no_offloads, some.no_offloads_all), (vec![0], false));
        let all = request(&["--isolate", "all", "--no-offloads", "all"]);
        assert!(all.isolate_all && all.no_offloads_all);
        for wrong in ["", "1,", "1-3", "none", "-1"] {
            let text = refusal(&[&format!("--isolate={wrong}")]);
            assert!(text.contains("like 1,2") || text.contains("value is required"), "{text}");
        }
    }

    #[test]
    fn icc_is_on_until_it_is_switched_off() {
        assert!(!request(&["--icc=false"]).icc && request(&["--icc", "true"]).icc);
        assert!(request(&["--internal"]).internal);
        assert!(refusal(&["--icc=off"]).contains("true, false"));
    }

    #[test]
    fn storm_control_is_off_only_when_both_halves_are() {
        assert_eq!(request(&["--storm-packets", "none", "--storm-bytes", "none"]).storm, None);
        let half = request(&["--storm-packets", "none", "--storm-bytes", "5"]).storm.unwrap();
        assert_eq!((half.frames_per_second, half.bytes_per_second), (UNREACHABLE, 5));
        assert!(refusal(&["--storm-bytes", "1k"]).contains("or `none`"));
    }
}
