//! How are switch and router set?
//!
//! The values are those of `up`'s options, and what is wrong with them is said by the same checks; here
//! the field is found that has the option's value.

use crate::model::switch::check_switch;
use crate::model::{
    ModelError, NetworkName, Problem, Profile, Refusal, RouterOptions, RouterRequest, UplinkKind,
    storm, storm_halves, usual_workers,
};
use crate::spec::{Field, FilteringWord, NetworkSpec, ProfileWord, Rate, StormSpec, UplinkWord};
use dataplane::config::{ConfigError, Filtering, SwitchConfig, Workers};
use std::net::IpAddr;
use std::time::Duration;

/// How the switch is to behave with so many static MACs, those of the endpoints among them.
pub(super) fn switch(
    name: &NetworkName,
    written: &NetworkSpec,
    macs: usize,
) -> Result<SwitchConfig, Refusal> {
    let (fdb, default) = (&written.fdb, SwitchConfig::default());
    let StormSpec { packets, bytes } = written.storm;
    let (default_packets, default_bytes) = storm_halves(default.storm);
    let half = |rate: Option<Rate>, default| match rate {
        None => default,
        Some(Rate::Limited(rate)) => Some(rate),
        Some(Rate::Unlimited(_)) => None,
    };
    let switch = SwitchConfig {
        ageing: fdb.ageing.map_or(default.ageing, Duration::from_secs),
        fdb_capacity: fdb.max.unwrap_or(default.fdb_capacity),
        fdb_port_limit: fdb.port_max.unwrap_or(default.fdb_port_limit),
        storm: storm(half(packets, default_packets), half(bytes, default_bytes)),
    };
    check_switch(switch, macs).map_err(|error| by_option(name, error))
}

/// How many threads are to forward.
pub(super) fn workers(name: &NetworkName, written: &NetworkSpec) -> Result<Workers, Refusal> {
    let refused = |error| Refusal::new(Field::network(name, "workers"), error);
    written.workers.map_or_else(|| Ok(usual_workers()), Workers::new).map_err(refused)
}

/// What the router is to do.
pub(super) fn router(name: &NetworkName, written: &NetworkSpec) -> Result<RouterOptions, Refusal> {
    let (nat, conntrack, default) = (&written.nat, &written.conntrack, RouterRequest::default());
    let seconds = |(name, seconds): (&String, &u64)| format!("{name}={seconds}");
    let request = RouterRequest {
        uplink: written.uplink.map(|word| match word {
            UplinkWord::Route => UplinkKind::Route,
            UplinkWord::None => UplinkKind::None,
        }),
        snat: nat.snat.clone(),
        nat_ports: nat.ports.clone(),
        filtering: nat.filtering.map(|word| match word {
            FilteringWord::EndpointIndependent => Filtering::EndpointIndependent,
            FilteringWord::Address => Filtering::Address,
            FilteringWord::AddressAndPort => Filtering::AddressAndPort,
        }),
        conntrack_max: conntrack.max.unwrap_or(default.conntrack_max),
        conntrack_port_max: conntrack.port_max,
        profile: match conntrack.profile {
            None | Some(ProfileWord::Linux) => Profile::Linux,
            Some(ProfileWord::Rfc) => Profile::Rfc,
        },
        timeouts: conntrack.timeouts.iter().map(seconds).collect(),
        loose: conntrack.loose.unwrap_or(default.loose),
        liberal: conntrack.liberal.unwrap_or(default.liberal),
        ftp: conntrack.ftp.unwrap_or(default.ftp),
    };
    let options = RouterOptions::new(&request, written.internal == Some(true))
        .map_err(|error| by_option(name, error))?;
    match options.snat.iter().position(IpAddr::is_ipv6) {
        Some(index) if written.subnet6.as_deref() == Some("none") => {
            let field = Field::network(name, "nat").key("snat").index(index);
            Err(Refusal::new(field, Problem::SnatNoIpv6(name.clone())))
        }
        _ => Ok(options),
    }
}

/// What is wrong with an option, as what is wrong with the field that has its value.
fn by_option(network: &NetworkName, error: ModelError) -> Refusal {
    let field = |option: &str| match option {
        "--fdb-ageing" => Field::network(network, "fdb").key("ageing"),
        "--fdb-max" => Field::network(network, "fdb").key("max"),
        "--fdb-port-max" => Field::network(network, "fdb").key("port-max"),
        "--storm-packets" => Field::network(network, "storm").key("packets"),
        "--storm-bytes" => Field::network(network, "storm").key("bytes"),
        "--nat-ports" => Field::network(network, "nat").key("ports"),
        "--nat-filtering" => Field::network(network, "nat").key("filtering"),
        "--uplink route" => Field::network(network, "uplink"),
        "--snat" => Field::network(network, "nat").key("snat"),
        "--conntrack-max" => Field::network(network, "conntrack").key("max"),
        "--conntrack-port-max" => Field::network(network, "conntrack").key("port-max"),
        "--conntrack-timeout" => Field::network(network, "conntrack").key("timeouts"),
        _ => Field::network(network, ""),
    };
    match error {
        ModelError::Switch { option, error } | ModelError::Router { option, error } => {
            let at = match &error {
                ConfigError::Timeout { name, .. } => field(option).key(name),
                _ => field(option),
            };
            Refusal::new(at, error)
        }
        ModelError::NatPortsMalformed(text) => {
            Refusal::new(field("--nat-ports"), Problem::NatPorts(text))
        }
        ModelError::TimeoutUnknown { name, known } => {
            let at = field("--conntrack-timeout").key(&name);
            Refusal::new(at, Problem::TimeoutUnknown { name, known })
        }
        ModelError::NeedsUplink { option, without } => {
            let without = match without {
                "--internal" => "internal = true",
                _ => "uplink = \"none\"",
            };
            Refusal::new(field(option), Problem::NeedsUplink(without))
        }
        // The router's options are refused for nothing else.
        other => Refusal::new(field(""), Problem::Option(Box::new(other))),
    }
}
