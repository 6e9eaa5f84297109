//! Which settings does a switch take?
//!
//! The dataplane says what it takes. It is asked here, for later the network would be made already; what
//! it refuses is told with the option that set it.

use super::{ModelError, NetworkRequest};
use dataplane::config::{ConfigError, SwitchConfig, Workers};

/// How the switch of a network of so many ports is to behave.
pub(super) fn switch(request: &NetworkRequest, ports: u32) -> Result<SwitchConfig, ModelError> {
    let switch = SwitchConfig {
        ageing: request.ageing,
        fdb_capacity: request.fdb_capacity,
        fdb_port_limit: request.fdb_port_limit,
        storm: request.storm,
    };
    check_switch(switch, ports as usize)
}

/// How many threads are to forward.
pub(super) fn workers(request: &NetworkRequest) -> Result<Workers, ModelError> {
    let refused = |error| ModelError::Switch { option: "--workers", error };
    Workers::new(request.workers).map_err(refused)
}

/// Settings that a switch takes with so many static MACs, each port's own among them, besides the host's.
pub(super) fn check_switch(switch: SwitchConfig, macs: usize) -> Result<SwitchConfig, ModelError> {
    match switch.check(macs + 1) {
        Ok(()) => Ok(switch),
        Err(error) => Err(ModelError::Switch { option: option_of(&error, &switch), error }),
    }
}

fn option_of(error: &ConfigError, switch: &SwitchConfig) -> &'static str {
    match error {
        ConfigError::Ageing => "--fdb-ageing",
        ConfigError::FdbCapacity { .. } => "--fdb-max",
        ConfigError::FdbPortLimit => "--fdb-port-max",
        ConfigError::Storm if switch.storm.is_some_and(|storm| storm.frames_per_second == 0) => {
            "--storm-packets"
        }
        ConfigError::Storm => "--storm-bytes",
        // Of ports, which are not looked at here.
        _ => "the switch",
    }
}

#[cfg(test)]
mod tests {
    use super::super::NetworkRequest;
    use super::super::network::tests::refusal;
    use dataplane::config::StormLimit;
    use std::time::Duration;

    #[test]
    fn a_setting_that_the_switch_does_not_take_is_refused_by_its_option() {
        let refused = |change: &dyn Fn(&mut NetworkRequest)| refusal("10.0.0.0/24", None, change);
        assert!(refused(&|r| r.ageing = Duration::ZERO).starts_with("--fdb-ageing: "));
        assert!(
            refused(&|r| r.fdb_capacity = 4).starts_with("--fdb-max: the FDB must hold 5 MACs")
        );
        assert!(refused(&|r| r.fdb_capacity = usize::MAX).starts_with("--fdb-max: "));
        assert!(refused(&|r| r.fdb_port_limit = 0).starts_with("--fdb-port-max: "));
        let words = "--workers: there must be 1 to 16 workers, not 17";
        assert_eq!(refused(&|r| r.workers = 17), words);
        assert!(refused(&|r| r.workers = 0).starts_with("--workers: "));
        let storm = |frames_per_second, bytes_per_second| {
            let limit = StormLimit { frames_per_second, bytes_per_second };
            refused(&|r| r.storm = Some(limit))
        };
        assert!(storm(0, 1).starts_with("--storm-packets: "));
        assert!(storm(1, 0).starts_with("--storm-bytes: "));
    }
}
