//! What `up --ports N` made, in the words of a file.

use super::written::{TWO, apply, up, write};
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("what_up_made_is_printed_as_a_file_that_makes_the_same", printed);
    suite.add("all_that_runs_is_printed_as_one_file", together);
    suite.add("a_file_leaves_what_up_made_alone_and_changes_what_can_be_if_it_names_it", named);
}

const UP: &str =
    "--ports 3 --uplink none --isolate 2 --icc=false --publish 127.0.0.1:8080:ub0-1:80";

/// What is told of a network's interfaces, but for what was counted.
fn interfaces(host: &Host) -> Vec<String> {
    let ports = host.ports("ub0");
    let ends = ports.iter().map(|port| (port.name().to_owned(), port.mac(), port.end()));
    ends.map(|(name, mac, end)| format!("{name} {mac} {} {:?}", end.ipv4, end.ipv6)).collect()
}

fn printed(host: &Host) {
    let network = host.up(UP);
    host.udp_bridge("limit set ub0-3 --flows 7").ok();
    let before = interfaces(host);
    assert_eq!(before.len(), 4);
    let config = host.udp_bridge("config").ok().stdout;
    assert!(config.contains("[networks.ub0]\n# made by `up --ports 3`\n"), "{config}");
    for word in ["isolated = true", "icc = false", "flows = 7", "127.0.0.1:8080:ub0-1:80/tcp"] {
        assert!(config.contains(word), "{word} is not in\n{config}");
    }
    drop(network);
    let path = write("net.toml", &config);
    let running = up(host, &path, "ub0");
    assert_eq!(interfaces(host), before);
    assert_eq!(apply(host, &config, "").ok().stdout, "nothing to do\n");
    let again = host.udp_bridge("config").ok().stdout;
    assert_eq!(again, config.replace("# made by `up --ports 3`\n", ""));
    drop(running);
}

/// Two processes of `up --ports` beside one of `up -f`.
fn together(host: &Host) {
    let nothing = host.udp_bridge("config");
    assert_eq!(nothing.code(), Some(1), "{nothing:?}");
    let red = host.up("--ports 1 --name red --subnet 10.9.1.0/24 --uplink none");
    let running = up(host, &write("net.toml", TWO), "front");
    let blue = host.up("--ports 1 --name blue --subnet 10.9.2.0/24 --uplink none");
    let config = host.udp_bridge("config").ok().stdout;
    assert_eq!(config.matches("version = 1").count(), 1, "{config}");
    for name in ["front", "red", "blue"] {
        assert!(config.contains(&format!("[networks.{name}]")), "{config}");
    }
    // It is a file, though one whose networks run already.
    let again = host.udp_bridge(&format!("up -f {}", write("all.toml", &config).display()));
    assert!(again.code() == Some(2) && again.stderr.contains("overlaps"), "{again:?}");
    drop((red, blue, running));
}

fn named(host: &Host) {
    let daemon = host.daemon();
    host.udp_bridge(&format!("up {UP} --subnet 10.9.0.0/24 --detach")).ok();
    let before = interfaces(host);
    apply(host, TWO, "").ok();
    // It is not in the file, and stays; with what runs nothing is to be done.
    let config = host.udp_bridge("config").ok().stdout;
    assert!(config.contains("[networks.ub0]") && config.contains("[networks.front]"), "{config}");
    assert_eq!(apply(host, &config, "").ok().stdout, "nothing to do\n");
    // What can be changed in place is.
    let changed = config.replace("8080:ub0-1", "8081:ub0-2");
    let told = apply(host, &changed, "").ok().stdout;
    assert!(told.contains("network ub0: publish 127.0.0.1:8081:ub0-2:80/tcp"), "{told}");
    host.udp_bridge("unpublish 127.0.0.1:8081:ub0-2:80").ok();
    // Its ports are not a file's to take, to connect or to replace.
    let other = config.replace("[sandboxes.ub0-3", "[sandboxes.other");
    let connected = format!("{config}[sandboxes.ub0-3.endpoints.front]\n");
    let moved = config.replace("10.9.0.", "10.8.0.");
    for text in [other, connected, moved] {
        let refused = apply(host, &text, "");
        assert_eq!(refused.code(), Some(2), "{refused:?}");
        assert!(
            refused.stderr.contains("networks.ub0: ub0 was made by `up --ports`"),
            "{refused:?}"
        );
    }
    // A file that no longer has it leaves it alone again.
    apply(host, "version = 1\n", "").ok();
    assert_eq!(interfaces(host), before);
    assert!(!host.netns("a").exists());
    host.udp_bridge("down ub0").ok();
    assert_eq!(host.udp_bridge("config").ok().stdout, "version = 1\n");
    drop(daemon);
}
