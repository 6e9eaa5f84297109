//! How is a field written?

use super::Field;

/// Fields by their own name and, where that is not enough, the name of the table around them.
const EXAMPLES: &[(&str, &str, &str)] = &[
    ("", "subnet", r#"subnet = "172.16.1.0/24""#),
    ("", "subnet6", r#"subnet6 = "fd00:1::/64""#),
    ("", "mtu", "mtu = 1500"),
    ("", "host-interface", r#"host-interface = "front""#),
    ("", "host-offloads", "host-offloads = false"),
    ("", "uplink", r#"uplink = "none""#),
    ("", "internal", "internal = true"),
    ("", "icc", "icc = false"),
    ("", "policy", r#"policy = "drop""#),
    ("", "source-check", "source-check = false"),
    ("", "workers", "workers = 2"),
    ("", "fdb", "fdb = { ageing = 300, max = 8192 }"),
    ("fdb", "ageing", "ageing = 300"),
    ("fdb", "max", "max = 8192"),
    ("fdb", "port-max", "port-max = 2048"),
    ("fdb", "static", r#"static = { "02:00:00:00:00:99" = "web" }"#),
    ("", "storm", r#"storm = { packets = 1000, bytes = "none" }"#),
    ("storm", "packets", "packets = 1000"),
    ("storm", "bytes", "bytes = 10000000"),
    ("", "nat", r#"nat = { ports = "61000-65534" }"#),
    ("nat", "ports", r#"ports = "61000-65534""#),
    ("nat", "filtering", r#"filtering = "address""#),
    ("nat", "snat", r#"snat = ["192.0.2.1"]"#),
    ("", "conntrack", "conntrack = { max = 262144 }"),
    ("conntrack", "max", "max = 262144"),
    ("conntrack", "port-max", "port-max = 65536"),
    ("conntrack", "profile", r#"profile = "rfc""#),
    ("conntrack", "timeouts", "timeouts = { udp = 30 }"),
    ("timeouts", "*", "timeouts = { udp = 30 }"),
    ("conntrack", "loose", "loose = false"),
    ("conntrack", "liberal", "liberal = true"),
    ("conntrack", "ftp", "ftp = true"),
    ("", "publish", r#"publish = ["8080:web:80"]"#),
    ("", "mode", r#"mode = "none""#),
    ("", "namespace", r#"namespace = "/run/netns/old""#),
    ("", "pid", "pid = 1234"),
    ("", "interface", r#"interface = "eth0""#),
    ("", "address", r#"address = "172.16.1.10""#),
    ("", "address6", r#"address6 = "fd00:1::10""#),
    ("", "mac", r#"mac = "02:00:00:00:00:10""#),
    ("", "isolated", "isolated = true"),
    ("", "offloads", "offloads = false"),
    ("", "gateway", "gateway = true"),
    ("", "limits", "limits = { flows = 1000 }"),
    ("limits", "*", "limits = { flows = 1000, bytes-out = 10000000 }"),
    ("networks", "*", "[networks.front]"),
    ("sandboxes", "*", "[sandboxes.web]"),
    ("endpoints", "*", "[sandboxes.web.endpoints.front]"),
];

/// The field as one would write it.
pub(super) fn example(field: &Field) -> Option<&'static str> {
    let mut keys = field.keys();
    let (own, around) = (keys.next()?, keys.next().unwrap_or_default());
    let is_it = |(table, name, _): &&(&str, &str, &str)| {
        let by_table = *table == around && (*name == own || *name == "*");
        by_table || (table.is_empty() && *name == own)
    };
    EXAMPLES.iter().find(is_it).map(|(_, _, example)| *example)
}
