//! Which paths are there?
//!
//! Those of one network begin with [`NETWORK`]; `{network}` stands for its name.

/// The networks: listed and made.
pub const NETWORKS: &str = "/v1/networks";
/// One network: described and ended.
pub const NETWORK: &str = "/v1/networks/{network}";
/// Its ports.
pub const PORTS: &str = "/v1/networks/{network}/ports";
/// Its MAC table.
pub const FDB: &str = "/v1/networks/{network}/fdb";
/// Its published ports.
pub const PUBLISHED: &str = "/v1/networks/{network}/published";
/// One published port: `{spec}` is its text, percent-encoded.
pub const PUBLISHED_ONE: &str = "/v1/networks/{network}/published/{spec}";
/// Its rules.
pub const RULES: &str = "/v1/networks/{network}/rules";
/// One rule: `{id}` is its place, from 0.
pub const RULE: &str = "/v1/networks/{network}/rules/{id}";
/// The limits of the port of the name `{port}`.
pub const LIMITS: &str = "/v1/networks/{network}/ports/{port}/limits";
/// How full its tables are.
pub const TABLES: &str = "/v1/networks/{network}/tables";
/// Its flows: listed and removed.
pub const FLOWS: &str = "/v1/networks/{network}/flows";
/// How many flows it has.
pub const FLOW_COUNT: &str = "/v1/networks/{network}/flows/count";
/// Where all of them are removed.
pub const FLOW_FLUSH: &str = "/v1/networks/{network}/flows/flush";
/// Where sandboxes are connected to a network.
pub const ENDPOINTS: &str = "/v1/networks/{network}/endpoints";
/// One of them, where it is disconnected.
pub const ENDPOINT: &str = "/v1/networks/{network}/endpoints/{sandbox}";
/// The sandboxes of files.
pub const SANDBOXES: &str = "/v1/sandboxes";
/// What runs, as a file of networks.
pub const CONFIG: &str = "/v1/config";
/// Where a file is put in force.
pub const APPLY: &str = "/v1/apply";
/// Its frames, as they come and go.
pub const CAPTURE: &str = "/v1/networks/{network}/capture";
/// What becomes of a packet.
pub const TRACE: &str = "/v1/networks/{network}/trace";
/// The process that holds the networks.
pub const DAEMON: &str = "/v1/daemon";
/// Where it is asked to end.
pub const STOP: &str = "/v1/stop";
/// What Prometheus reads of all networks.
pub const METRICS: &str = "/metrics";
/// All of this for programs.
pub const OPENAPI: &str = "/v1/openapi.json";

/// The path for a network of this name. A network's name needs no encoding.
pub fn of(path: &str, network: &str) -> String {
    path.replace("{network}", network)
}

/// A text as one segment of a path, or as a value in a query: all but a few harmless characters
/// percent-encoded (RFC 3986 section 2.1).
pub fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._:".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}
