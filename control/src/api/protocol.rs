//! What do client and server say to each other?
//!
//! Plain data. Received and sent are the switch's view everywhere: *received* frames came from the
//! port, *sent* ones went to it. A super-frame counts as one frame, with all of its bytes.

use dataplane::counters::CounterSnapshot;
use dataplane::wire::ethernet::MacAddr;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInfo {
    /// The network's name.
    pub name: String,
    /// The process that runs it, as that process sees itself.
    pub pid: u32,
    /// Does it live in a user namespace of its own, host side included?
    pub rootless: bool,
    /// Seconds since it was ready.
    pub uptime_seconds: u64,
    /// The IPv4 subnet.
    pub subnet: Ipv4Net,
    /// The IPv6 subnet; absent when IPv6 is off.
    pub subnet6: Option<Ipv6Net>,
    /// The MTU of all interfaces, in bytes.
    pub mtu: u16,
    /// The host interface.
    pub host_if: String,
    /// How many ports there are, the host port not counted.
    pub ports: usize,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortInfo {
    /// The port's number: 0 is the host's.
    pub number: u16,
    /// The port's name.
    pub name: String,
    /// False once its namespace or device was removed.
    pub alive: bool,
    /// An isolated port reaches only ports that are not.
    pub isolated: bool,
    /// The namespace of its interface; absent for the host port.
    pub namespace: Option<String>,
    /// The interface in that namespace.
    pub interface: String,
    /// The interface's MAC.
    #[serde(with = "mac_text")]
    pub mac: MacAddr,
    /// The interface's IPv4 address.
    pub ipv4: Ipv4Net,
    /// The interface's IPv6 address; absent when IPv6 is off.
    pub ipv6: Option<Ipv6Net>,
    /// The interface's MTU in bytes.
    pub mtu: u16,
    /// The offloads that the kernel granted.
    pub offloads: Vec<String>,
    /// What happened here.
    pub counters: Counters,
    /// Frames that the namespace sent faster than they were read (`tx_dropped` of its interface);
    /// absent where the interface cannot be asked.
    pub ring_drops: Option<u64>,
}

/// The counters of a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Frames that came from the port.
    pub received_frames: u64,
    /// Bytes that came from the port.
    pub received_bytes: u64,
    /// Frames that went to the port.
    pub sent_frames: u64,
    /// Bytes that went to the port.
    pub sent_bytes: u64,
    /// Frames dropped here for any reason.
    pub dropped_frames: u64,
    /// The same by reason; reasons that never happened are left out.
    pub drops: Vec<DropCount>,
    /// MAC table entries that this port lost because it or the table was full.
    pub fdb_evictions: u64,
}

/// How often frames were dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropCount {
    /// The reason's stable name.
    pub reason: String,
    /// How many frames.
    pub frames: u64,
    /// The reason in words.
    pub explanation: String,
}

impl From<&CounterSnapshot> for Counters {
    fn from(snapshot: &CounterSnapshot) -> Self {
        let drops = snapshot.drops().map(|(reason, frames)| DropCount {
            reason: reason.name().to_owned(),
            frames,
            explanation: reason.explain().to_owned(),
        });
        Self {
            received_frames: snapshot.received,
            received_bytes: snapshot.received_bytes,
            sent_frames: snapshot.sent,
            sent_bytes: snapshot.sent_bytes,
            dropped_frames: snapshot.dropped_total(),
            drops: drops.collect(),
            fdb_evictions: snapshot.fdb_evictions,
        }
    }
}

/// Where an entry of the MAC table came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FdbOrigin {
    /// The MAC was given to the port; it neither ages nor moves.
    Static,
    /// Seen as the source of a frame.
    Learned,
}

/// One entry of the MAC table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdbInfo {
    /// The MAC.
    #[serde(with = "mac_text")]
    pub mac: MacAddr,
    /// The name of the port behind which it lives.
    pub port: String,
    /// Where the entry came from.
    pub origin: FdbOrigin,
    /// Seconds since the MAC last sent something; absent for static entries.
    pub age_seconds: Option<u64>,
}

/// Ports of the host that lead to a namespace, and what of them the host itself used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedInfo {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The host's address; an unspecified one for all of its family, absent for all of both.
    pub address: Option<IpAddr>,
    /// The host's first port.
    pub first_port: u16,
    /// The host's last port.
    pub last_port: u16,
    /// The name of the network's port that they lead to.
    pub port: String,
    /// Its IPv4 address.
    pub target_ipv4: Ipv4Addr,
    /// Its IPv6 address; absent when IPv6 is off.
    pub target_ipv6: Option<Ipv6Addr>,
    /// Where the first port leads to.
    pub target_first_port: u16,
    /// Where the last port leads to.
    pub target_last_port: u16,
    /// Connections and UDP clients of the host itself that are relayed now.
    pub relayed_now: u64,
    /// How many there were so far.
    pub relayed_total: u64,
    /// Those that were refused by reason; reasons that never happened are left out.
    pub refused: Vec<RefusalCount>,
}

/// How often a client of the relay was refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalCount {
    /// The reason's stable name.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The reason in words.
    pub explanation: String,
}

/// What may pass. Who decides first comes first: the rules in their order, then flows that were let
/// pass, then `icc`, then the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesInfo {
    /// The rules in their order.
    pub rules: Vec<RuleInfo>,
    /// What passed because its flow had been let pass; absent where it is not counted, as the others.
    pub flow_hits: Option<Hits>,
    /// May namespaces begin flows to each other?
    pub icc: bool,
    /// What was dropped because they may not.
    pub icc_hits: Option<Hits>,
    /// What becomes of everything else.
    pub policy: String,
    /// How much that was.
    pub policy_hits: Option<Hits>,
}

/// One rule, in the words of the file of rules. What is absent or empty matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleInfo {
    /// Where it was written: file and line.
    pub place: String,
    /// Where packets come from: a port's name, `namespaces`, `host` or `outside`.
    pub from: Option<String>,
    /// Where they go.
    pub to: Option<String>,
    /// The protocol's name or number.
    pub protocol: Option<String>,
    /// Source prefixes.
    pub sources: Vec<IpNet>,
    /// Destination prefixes.
    pub destinations: Vec<IpNet>,
    /// Source ports: `80` or `8000-8010`.
    pub source_ports: Vec<String>,
    /// Destination ports.
    pub destination_ports: Vec<String>,
    /// States of connection tracking.
    pub states: Vec<String>,
    /// `accept`, `drop` or `reject`.
    pub verdict: String,
    /// For how much it decided; absent where it is not counted.
    pub hits: Option<Hits>,
}

/// For how much a rule decided. A super-frame is one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hits {
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The process that holds the networks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonInfo {
    /// The version of the program.
    pub version: String,
    /// The process, as it sees itself.
    pub pid: u32,
    /// Does it live in a user namespace of its own?
    pub rootless: bool,
    /// Seconds since it began.
    pub uptime_seconds: u64,
    /// The network that it holds and ends with; absent where it holds many.
    pub alone: Option<String>,
    /// How many networks it holds now.
    pub networks: usize,
    /// Who asks it.
    pub clients: ClientsInfo,
}

/// What came over the socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientsInfo {
    /// Connections now, the one that asks among them.
    pub connected: u64,
    /// Connections that were refused because there were as many as can be.
    pub refused: u64,
    /// Clients that said nothing, or not all they had to say, in time.
    pub timed_out: u64,
    /// Clients whose requests were no HTTP.
    pub malformed: u64,
    /// Requests that were longer than they may be.
    pub too_large: u64,
}

/// The answer to a stop: the networks will be gone when the process is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// The process.
    pub stopping: u32,
}

/// Why a request was not answered (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`: the status says it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong and what to do.
    pub detail: String,
}

/// A MAC as text like `02:00:5e:10:00:01`.
mod mac_text {
    use dataplane::wire::ethernet::MacAddr;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(mac: &MacAddr, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(mac)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<MacAddr, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> FdbInfo {
        FdbInfo {
            mac: MacAddr([2, 0, 0x5e, 0x10, 0, 1]),
            port: "ub0-1".to_owned(),
            origin: FdbOrigin::Learned,
            age_seconds: Some(7),
        }
    }

    #[test]
    fn an_entry_is_readable_json_and_survives_the_round_trip() {
        let text = serde_json::to_string(&entry()).unwrap();
        assert_eq!(
            text,
            r#"{"mac":"02:00:5e:10:00:01","port":"ub0-1","origin":"learned","age_seconds":7}"#
        );
        assert_eq!(serde_json::from_str::<FdbInfo>(&text).unwrap(), entry());
    }

    #[test]
    fn a_malformed_mac_is_refused() {
        let text = r#"{"mac":"02:00","port":"x","origin":"static","age_seconds":null}"#;
        let error = serde_json::from_str::<FdbInfo>(text).unwrap_err().to_string();
        assert!(error.contains("is no MAC address"), "{error}");
    }

    #[test]
    fn only_reasons_that_happened_are_told() {
        assert_eq!(Counters::from(&CounterSnapshot::default()), Counters::default());
    }
}
