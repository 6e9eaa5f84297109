//! What is the same as the model has it?
//!
//! There are two forms of one thing. The model's holds types of the dataplane, which knows no serde, and a
//! router of its own; the one of the wire is flat and refuses unknown fields, which serde does not do for a
//! flattened part.

use super::{All, NewNetwork, PortSet, RulesText, Storm, TimeoutProfile, Uplink, Who};
use crate::model::rules::RulesFile;
use crate::model::{NetworkRequest, Profile, RouterRequest, UplinkKind};
use dataplane::config::{Filtering, StormLimit};
use std::time::Duration;

impl PortSet {
    fn new(all: bool, some: Vec<u32>) -> Self {
        if all { Self::All(All::All) } else { Self::Some(some) }
    }

    fn split(self) -> (bool, Vec<u32>) {
        match self {
            Self::Some(some) => (false, some),
            Self::All(All::All) => (true, Vec::new()),
        }
    }
}

impl From<NetworkRequest> for NewNetwork {
    fn from(request: NetworkRequest) -> Self {
        let router = request.router;
        Self {
            name: request.name,
            ports: request.ports,
            subnet: request.subnet,
            subnet6: request.subnet6,
            mtu: request.mtu,
            host_if: request.host_if,
            isolate: PortSet::new(request.isolate_all, request.isolate),
            no_offloads: PortSet::new(request.no_offloads_all, request.no_offloads),
            publish: request.publish,
            source_check: request.check_source,
            fdb_ageing: request.ageing.as_secs(),
            fdb_max: request.fdb_capacity,
            fdb_port_max: request.fdb_port_limit,
            storm: request.storm.map(|limit| Storm {
                packets: limit.frames_per_second,
                bytes: limit.bytes_per_second,
            }),
            workers: request.workers,
            rules: request.rules.map(|RulesFile { path, text }| RulesText { path, text }),
            icc: request.icc,
            internal: request.internal,
            uplink: router.uplink.map(|kind| match kind {
                UplinkKind::Route => Uplink::Route,
                UplinkKind::None => Uplink::None,
            }),
            snat: router.snat,
            nat_ports: router.nat_ports,
            nat_filtering: router.filtering.map(|who| match who {
                Filtering::EndpointIndependent => Who::EndpointIndependent,
                Filtering::Address => Who::Address,
                Filtering::AddressAndPort => Who::AddressAndPort,
            }),
            conntrack_max: router.conntrack_max,
            conntrack_port_max: router.conntrack_port_max,
            conntrack_profile: match router.profile {
                Profile::Linux => TimeoutProfile::Linux,
                Profile::Rfc => TimeoutProfile::Rfc,
            },
            conntrack_timeouts: router.timeouts,
            conntrack_loose: router.loose,
            conntrack_liberal: router.liberal,
            ftp: router.ftp,
        }
    }
}

impl From<NewNetwork> for NetworkRequest {
    fn from(new: NewNetwork) -> Self {
        let router = router(&new);
        let (isolate_all, isolate) = new.isolate.split();
        let (no_offloads_all, no_offloads) = new.no_offloads.split();
        Self {
            name: new.name,
            ports: new.ports,
            subnet: new.subnet,
            subnet6: new.subnet6,
            mtu: new.mtu,
            host_if: new.host_if,
            isolate,
            isolate_all,
            no_offloads,
            no_offloads_all,
            publish: new.publish,
            check_source: new.source_check,
            ageing: Duration::from_secs(new.fdb_ageing),
            fdb_capacity: new.fdb_max,
            fdb_port_limit: new.fdb_port_max,
            storm: new.storm.map(|storm| StormLimit {
                frames_per_second: storm.packets,
                bytes_per_second: storm.bytes,
            }),
            workers: new.workers,
            rules: new.rules.map(|RulesText { path, text }| RulesFile { path, text }),
            icc: new.icc,
            internal: new.internal,
            router,
        }
    }
}

fn router(new: &NewNetwork) -> RouterRequest {
    RouterRequest {
        uplink: new.uplink.map(|kind| match kind {
            Uplink::Route => UplinkKind::Route,
            Uplink::None => UplinkKind::None,
        }),
        snat: new.snat.clone(),
        nat_ports: new.nat_ports.clone(),
        filtering: new.nat_filtering.map(|who| match who {
            Who::EndpointIndependent => Filtering::EndpointIndependent,
            Who::Address => Filtering::Address,
            Who::AddressAndPort => Filtering::AddressAndPort,
        }),
        conntrack_max: new.conntrack_max,
        conntrack_port_max: new.conntrack_port_max,
        profile: match new.conntrack_profile {
            TimeoutProfile::Linux => Profile::Linux,
            TimeoutProfile::Rfc => Profile::Rfc,
        },
        timeouts: new.conntrack_timeouts.clone(),
        loose: new.conntrack_loose,
        liberal: new.conntrack_liberal,
        ftp: new.ftp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(request: &NetworkRequest) -> NetworkRequest {
        let text = serde_json::to_string(&NewNetwork::from(request.clone())).unwrap();
        serde_json::from_str::<NewNetwork>(&text).unwrap().into()
    }

    #[test]
    fn a_request_survives_the_way_to_the_daemon() {
        let plain = NetworkRequest::new("web", 3);
        let rules = RulesFile { path: "r.toml".to_owned(), text: "version = 1\n\"".to_owned() };
        let full = NetworkRequest {
            subnet: Some("10.1.0.0/24".to_owned()),
            subnet6: Some("none".to_owned()),
            host_if: Some("br0".to_owned()),
            isolate: vec![1, 3],
            no_offloads_all: true,
            publish: vec!["8080:web-1:80".to_owned()],
            check_source: false,
            storm: None,
            workers: 3,
            rules: Some(rules),
            icc: false,
            internal: true,
            router: RouterRequest {
                uplink: Some(UplinkKind::Route),
                snat: vec!["192.0.2.1".parse().unwrap()],
                nat_ports: Some("5000-6000".to_owned()),
                filtering: Some(Filtering::EndpointIndependent),
                conntrack_port_max: Some(7),
                profile: Profile::Rfc,
                timeouts: vec!["udp=30".to_owned()],
                loose: false,
                liberal: true,
                ftp: true,
                ..RouterRequest::default()
            },
            ..plain.clone()
        };
        for request in [plain, full] {
            assert_eq!(format!("{:?}", through(&request)), format!("{request:?}"));
        }
    }

    #[test]
    fn what_is_left_out_has_the_defaults_of_up() {
        let new: NewNetwork = serde_json::from_str(r#"{"name": "web", "ports": 3}"#).unwrap();
        let request = NetworkRequest::from(new);
        assert_eq!(format!("{request:?}"), format!("{:?}", NetworkRequest::new("web", 3)));
    }

    #[test]
    fn what_no_option_says_is_refused() {
        for wrong in [
            r#"{"ports": 1, "colour": 1}"#,
            r#"{"ports": -1}"#,
            r#"{"isolate": "some"}"#,
            r#"{"storm": {"packets": 1}}"#,
            r#"{"uplink": "bridge"}"#,
            r#"{"snat": ["x"]}"#,
        ] {
            assert!(serde_json::from_str::<NewNetwork>(wrong).is_err(), "{wrong}");
        }
    }
}
