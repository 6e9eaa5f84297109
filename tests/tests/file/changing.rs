//! What runs becomes what a file says, by `apply` and by commands.

use super::written::{THIRD, TWO, apply, is_out_of_reach, reaches, up, write};
use std::net::{TcpListener, TcpStream};
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::Suite;

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_change_of_which_one_step_fails_changes_nothing", undone);
    suite.add("a_port_that_somebody_has_is_refused_before_anything_is_changed", taken);
    suite.add("a_port_can_be_published_for_another", moved);
    suite.add("everything_that_can_be_changed_is", changed);
    suite.add("what_is_wrong_is_refused_and_what_runs_goes_on", wrong);
    suite.add("what_runs_is_printed_as_a_file_that_changes_nothing", printed);
    suite.add("a_sandbox_is_connected_and_disconnected_by_commands", connected);
    suite.add("what_commands_change_is_of_the_file_from_then_on", by_commands);
    suite.add("networks_come_and_go_with_a_file", networks);
    suite.add("where_several_processes_hold_networks_one_is_chosen", chosen);
}

/// The last step cannot be done: the port is one that the network translates to.
fn undone(host: &Host) {
    let _outside = host.add_outside(1500);
    let running = up(host, &write("net.toml", TWO), "front");
    let before = (host.snapshot(), host.udp_bridge("config").ok().stdout);
    let text = TWO.replace("[sandboxes.a.", "icc = false\npublish = ['61000:c:80']\n[sandboxes.a.");
    let ended = apply(host, &format!("{text}{THIRD}"), "");
    assert_eq!(ended.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("publish 61000:c:80/tcp: "), "{ended:?}");
    assert!(ended.stderr.contains("everything done before is undone"), "{ended:?}");
    before.0.assert_same(&host.snapshot());
    assert_eq!(host.udp_bridge("config").ok().stdout, before.1);
    assert!(reaches(host, "a", "172.16.1.3") && !host.netns("c").exists());
    TcpListener::bind("0.0.0.0:61000").unwrap();
    drop(running);
}

fn taken(host: &Host) {
    let running = up(host, &write("net.toml", TWO), "front");
    let before = (host.snapshot(), host.udp_bridge("config").ok().stdout);
    let _taken = TcpListener::bind("0.0.0.0:8080").unwrap();
    let text = TWO.replace("[sandboxes.a.", "icc = false\npublish = ['8080:c:80']\n[sandboxes.a.");
    for more in ["--dry-run", ""] {
        let ended = apply(host, &format!("{text}{THIRD}"), more);
        assert_eq!(ended.code(), Some(2), "{ended:?}");
        let expected = "apply.toml:5:12: networks.front.publish[0]: [::]:8080/tcp is in use: ";
        assert!(ended.stderr.contains(expected), "{ended:?}");
    }
    before.0.assert_same(&host.snapshot());
    assert_eq!(host.udp_bridge("config").ok().stdout, before.1);
    drop(running);
}

/// The sockets of ports that the plan lets go itself are taken over, whoever has them then.
fn moved(host: &Host) {
    let with =
        |list: &str| TWO.replace("[sandboxes.a.", &format!("publish = [{list}]\n[sandboxes.a."));
    let running = up(host, &write("net.toml", &with("'127.0.0.1:8080-8081:a:80-81'")), "front");
    let listener = host.visit("b", || TcpListener::bind("172.16.1.3:80").unwrap());
    apply(host, &with("'127.0.0.1:8080:b:80', '8081-8083:a:80-82'"), "").ok();
    let _client = TcpStream::connect("127.0.0.1:8080").unwrap();
    listener.accept().unwrap();
    // One of those that come is a stranger's: those that go stay.
    let _taken = TcpListener::bind("127.0.0.1:8090").unwrap();
    let ended = apply(host, &with("'127.0.0.1:8080:a:80', '8090:a:80'"), "");
    assert!(ended.stderr.contains("publish[1]: [::]:8090/tcp is in use"), "{ended:?}");
    let _client = TcpStream::connect("127.0.0.1:8080").unwrap();
    listener.accept().unwrap();
    drop(running);
}

fn changed(host: &Host) {
    let running = up(host, &write("net.toml", TWO), "front");
    let text = TWO
        .replace(
            "[sandboxes.a.",
            "icc = false\npublish = ['127.0.0.1:8080:b:80']\n\
             fdb = { static = { '02:00:00:00:00:99' = 'b' } }\n\
             [[networks.front.rules]]\nfrom = 'b'\nto = 'a'\nprotocol = 'icmp'\nverdict = 'accept'\n\
             [sandboxes.a.",
        )
        .replace("address = '172.16.1.3'", "address = '172.16.1.3'\nlimits = { flows = 9 }");
    let told = apply(host, &text, "--dry-run").ok().stdout;
    assert!(reaches(host, "a", "172.16.1.3"), "nothing is done yet: {told}");
    let done = apply(host, &text, "").ok().stdout;
    assert_eq!(done, told);
    assert!(is_out_of_reach(host, "a", "172.16.1.3") && reaches(host, "b", "172.16.1.2"));
    assert!(host.udp_bridge("fdb front").ok().stdout.contains("02:00:00:00:00:99"));
    let listener = host.visit("b", || TcpListener::bind("172.16.1.3:80").unwrap());
    let _client = TcpStream::connect("127.0.0.1:8080").unwrap();
    listener.accept().unwrap();
    assert!(host.udp_bridge("rules front").ok().stdout.contains("apply.toml:"));
    // And back.
    apply(host, TWO, "").ok();
    assert!(reaches(host, "a", "172.16.1.3"));
    assert!(TcpStream::connect("127.0.0.1:8080").is_err());
    assert!(!host.udp_bridge("fdb front").ok().stdout.contains("02:00:00:00:00:99"));
    drop(running);
}

fn wrong(host: &Host) {
    let running = up(host, &write("net.toml", TWO), "front");
    let wrong = apply(host, &TWO.replace("172.16.1.3", "172.16.2.3"), "");
    assert_eq!(wrong.code(), Some(2), "{wrong:?}");
    assert!(
        wrong.stderr.contains("apply.toml:7:11: sandboxes.b.endpoints.front.address"),
        "{wrong:?}"
    );
    assert!(reaches(host, "a", "172.16.1.3"));
    drop(running);
}

fn printed(host: &Host) {
    let running = up(host, &write("net.toml", TWO), "front");
    let config = host.udp_bridge("config").ok().stdout;
    assert!(config.contains("# leased: "), "{config}");
    assert_eq!(apply(host, &config, "").ok().stdout, "nothing to do\n");
    drop(running);
}

fn connected(host: &Host) {
    let text = format!("{TWO}[networks.back]\nsubnet = '172.16.9.0/24'\ninternal = true\n");
    let running = up(host, &write("net.toml", &text), "back");
    host.udp_bridge("connect a back --address 172.16.9.7").ok();
    host.udp_bridge("connect b back").ok();
    assert!(reaches(host, "b", "172.16.9.7"));
    let again = host.udp_bridge("connect a back");
    assert!(again.code() == Some(2) && again.stderr.contains("connected to back already"));
    let outside = host.udp_bridge("connect c back");
    assert!(outside.stderr.contains("there is no sandbox c"), "{outside:?}");
    host.udp_bridge("disconnect a back").ok();
    assert!(is_out_of_reach(host, "b", "172.16.9.7") && reaches(host, "a", "172.16.1.3"));
    assert!(host.udp_bridge("config").ok().stdout.contains("[sandboxes.b.endpoints.back]"));
    drop(running);
}

fn by_commands(host: &Host) {
    let running = up(host, &write("net.toml", TWO), "front");
    let does = |arguments: &str| host.udp_bridge(arguments).ok();
    does("publish 127.0.0.1:8080:a:80 --network front");
    does("limit set a --flows 77 --network front");
    does("fdb add 02:00:00:00:00:99 b --network front");
    host.finish(host.command("rule add --network front").args(["to = 'b'", "verdict = 'drop'"]))
        .ok();
    let config = does("config").stdout;
    for word in ["127.0.0.1:8080:a:80", "flows = 77", "02:00:00:00:00:99", "verdict = \"drop\""] {
        assert!(config.contains(word), "{word} is not in\n{config}");
    }
    assert!(is_out_of_reach(host, "a", "172.16.1.3"));
    let listed = does("ps front --json").stdout;
    assert!(listed.contains("\"flows\": 77"), "{listed}");
    assert!(TcpStream::connect("127.0.0.1:8080").is_ok(), "the host's port is ours");
    let refused = host.udp_bridge("publish 127.0.0.1:8081:nobody:80 --network front");
    assert!(refused.code() == Some(2) && refused.stderr.contains("nobody"), "{refused:?}");
    // The file as it was takes all of it back.
    apply(host, TWO, "").ok();
    assert!(reaches(host, "a", "172.16.1.3"));
    assert!(TcpStream::connect("127.0.0.1:8080").is_err());
    assert!(!does("config").stdout.contains("8080"));
    drop(running);
}

fn networks(host: &Host) {
    let running = up(host, &write("net.toml", TWO), "front");
    let before = host.snapshot();
    let more = "[networks.back]\nsubnet = '172.16.9.0/24'\n[sandboxes.a.endpoints.back]\n\
                [sandboxes.d.endpoints.back]\naddress = '172.16.9.9'\n";
    apply(host, &format!("{TWO}{more}"), "").ok();
    assert!(reaches(host, "a", "172.16.9.9") && reaches(host, "d", "172.16.9.1"));
    // Its subnet changes: it is made anew, and nobody else.
    let other = format!("{TWO}{more}").replace("172.16.9.", "172.16.8.");
    let told = apply(host, &other, "").ok().stdout;
    assert!(told.starts_with("network back is removed and made anew"), "{told}");
    assert!(reaches(host, "a", "172.16.8.9") && reaches(host, "a", "172.16.1.3"));
    host.udp_bridge("down back").ok();
    assert!(!host.netns("d").exists() && host.netns("a").exists());
    before.assert_same(&host.snapshot());
    drop(running);
}

fn chosen(host: &Host) {
    let back = TWO.replace("front", "back").replace("172.16.1.", "172.16.9.");
    let back = back.replace("sandboxes.a", "sandboxes.c").replace("sandboxes.b", "sandboxes.d");
    let running =
        [up(host, &write("a.toml", TWO), "front"), up(host, &write("b.toml", &back), "back")];
    for arguments in ["config", "apply -f /run/a.toml", "apply -f /run/a.toml --dry-run"] {
        let refused = host.udp_bridge(arguments);
        assert_eq!(refused.code(), Some(2), "{arguments}: {refused:?}");
        for words in ["2 processes", "one has front", "one has back", "--network NAME"] {
            assert!(refused.stderr.contains(words), "{arguments}: {refused:?}");
        }
    }
    let config = host.udp_bridge("config --network back").ok().stdout;
    assert!(config.contains("[networks.back]") && !config.contains("front"), "{config}");
    let third = format!("{back}[sandboxes.e.endpoints.back]\n");
    apply(host, &third, "--network back").ok();
    assert!(host.netns("e").exists());
    let nowhere = host.udp_bridge("config --network nowhere");
    assert!(nowhere.stderr.contains("there is no network \"nowhere\""), "{nowhere:?}");
    // The network says whom to ask.
    host.udp_bridge("disconnect e back").ok();
    host.udp_bridge("connect e back").ok();
    host.udp_bridge("disconnect b front").ok();
    assert!(reaches(host, "c", "172.16.9.3"));
    drop(running);
}
