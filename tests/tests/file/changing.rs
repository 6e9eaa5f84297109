//! What runs becomes what a file says, and who is not concerned notices nothing.

use super::written::{THIRD, TWO, apply, is_out_of_reach, reaches, up, write};
use nix::sys::signal::Signal;
use nix::sys::socket::{getsockopt, sockopt};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("a_stream_between_two_does_not_notice_a_third", stream);
    suite.add("a_change_of_which_one_step_fails_changes_nothing", undone);
    suite.add("everything_that_can_be_changed_is", changed);
    suite.add("what_is_wrong_is_refused_and_what_runs_goes_on", wrong);
    suite.add("what_runs_is_printed_as_a_file_that_changes_nothing", printed);
    suite.add("a_sandbox_is_connected_and_disconnected_by_commands", connected);
    suite.add("what_commands_change_is_of_the_file_from_then_on", by_commands);
    suite.add("networks_come_and_go_with_a_file", networks);
}

fn stream(host: &Host) {
    let running = up(host, &write("net.toml", TWO), "front");
    let listener = host.visit("b", || TcpListener::bind("172.16.1.3:7000").unwrap());
    let mut sender = host.visit("a", || TcpStream::connect("172.16.1.3:7000").unwrap());
    let (mut receiver, _) = listener.accept().unwrap();
    receiver.set_read_timeout(Some(wait::LONG)).unwrap();
    let done = AtomicBool::new(false);
    let (sent, got) = thread::scope(|scope| {
        let (done, sender) = (&done, &mut sender);
        let writing = scope.spawn(move || {
            let (block, mut sent) = ([7; 16_384], 0);
            // Small pieces at a pace that no queue is filled by.
            while !done.load(Ordering::Relaxed) {
                sender.write_all(&block).unwrap();
                sent += block.len() as u64;
                thread::sleep(std::time::Duration::from_millis(1));
            }
            sender.shutdown(std::net::Shutdown::Write).unwrap();
            sent
        });
        let reading = scope.spawn(move || {
            let (mut buffer, mut got) = (vec![0; 65_536], 0);
            loop {
                match receiver.read(&mut buffer).unwrap() {
                    0 => return got,
                    length => got += length as u64,
                }
            }
        });
        for _ in 0..5 {
            apply(host, &format!("{TWO}{THIRD}"), "").ok();
            assert!(reaches(host, "c", "172.16.1.2"));
            apply(host, TWO, "").ok();
            assert!(!host.netns("c").exists());
        }
        done.store(true, Ordering::Relaxed);
        (writing.join().unwrap(), reading.join().unwrap())
    });
    assert!(sent > 0 && sent == got, "{sent} {got}");
    let retransmitted = host.visit("a", tcp_retransmissions);
    assert_eq!(retransmitted, 0);
    assert_eq!(getsockopt(&sender, sockopt::SocketError).unwrap(), 0);
    running.signal(Signal::SIGINT);
    assert_eq!(running.wait().code(), Some(0));
}

/// How many segments were sent again from the calling thread's namespace.
fn tcp_retransmissions() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split(' ').position(|name| name == "RetransSegs").unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
}

fn undone(host: &Host) {
    let running = up(host, &write("net.toml", TWO), "front");
    let before = (host.snapshot(), host.udp_bridge("config").ok().stdout);
    let _taken = TcpListener::bind("0.0.0.0:8080").unwrap();
    let text = TWO.replace("[sandboxes.a.", "icc = false\npublish = ['8080:c:80']\n[sandboxes.a.");
    let ended = apply(host, &format!("{text}{THIRD}"), "");
    assert!(ended.code() != Some(0), "{ended:?}");
    assert!(ended.stderr.contains("everything done before is undone"), "{ended:?}");
    before.0.assert_same(&host.snapshot());
    assert_eq!(host.udp_bridge("config").ok().stdout, before.1);
    assert!(reaches(host, "a", "172.16.1.3") && !host.netns("c").exists());
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
