//! Readers that stop, stall, ask for nonsense; how many there may be.

use crate::files::start;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::traffic::End;
use udp_bridge_tests::host::{Host, STATE_DIR, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("what_makes_no_sense_is_refused_with_its_place", refuses);
    suite.add("a_capture_that_is_refused_leaves_the_file_as_it_was", keeps);
    suite.add("there_are_so_many_captures_and_who_goes_makes_room", many);
    suite.add("a_reader_that_stalls_ends_its_capture_and_nothing_else", stalls);
    suite.add("a_network_that_ends_ends_its_captures_in_order", ends);
    suite.add("who_reads_no_more_ends_the_command_well", enough);
}

fn refuses(host: &Host) {
    let _network = host.up("--ports 1");
    for (arguments, code, words) in [
        ("all tcp prot 80", 2, "  tcp prot 80\n      ^^^^"),
        ("web", 2, "there is no port \"web\""),
        ("all --network nowhere", 1, "there is no network \"nowhere\""),
        ("all -c 0", 2, "0"),
        ("all -c 1 -w /nowhere/file", 1, "cannot write /nowhere/file"),
    ] {
        let refused = host.udp_bridge(&format!("capture {arguments}"));
        assert_eq!(refused.code(), Some(code), "{arguments}: {refused:?}");
        assert!(refused.stderr.contains(words), "{arguments}: {refused:?}");
        assert!(!refused.stderr.contains("/v1/"), "in words, not in paths: {refused:?}");
    }
}

fn keeps(host: &Host) {
    let _network = host.up("--ports 1");
    let kept = std::path::Path::new("/run/kept.pcapng");
    std::fs::write(kept, "of yesterday").unwrap();
    for arguments in ["nope", "all tcp prot 80", "all --network nowhere", "ub0-1 udp prot"] {
        let refused = host.udp_bridge(&format!("capture -w {} {arguments}", kept.display()));
        assert!(refused.code() != Some(0), "{arguments}: {refused:?}");
        assert_eq!(std::fs::read(kept).unwrap(), b"of yesterday", "{arguments}");
    }
    let captures: Vec<_> = (0..4).map(|_| ask("ub0", "capture")).collect();
    let refused = host.udp_bridge("capture all -w /run/kept.pcapng");
    assert!(refused.stderr.contains("there are 4 captures"), "{refused:?}");
    assert_eq!(std::fs::read(kept).unwrap(), b"of yesterday");
    drop(captures);
    wait::for_yes("there is room again", || ask("ub0", "capture").0 == 200);
    host.udp_bridge("capture nope -w /run/new.pcapng");
    assert!(!std::path::Path::new("/run/new.pcapng").exists());
}

/// Asks by hand for what goes on and on. Returns the status, and the answer behind its first line.
pub(super) fn ask(name: &str, what: &str) -> (u16, BufReader<UnixStream>) {
    let socket = format!("{STATE_DIR}/{name}/api.sock");
    let mut stream = UnixStream::connect(socket).unwrap();
    let request = format!("GET /v1/networks/{name}/{what} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut status = String::new();
    reader.read_line(&mut status).unwrap();
    (status.split(' ').nth(1).unwrap().parse().unwrap(), reader)
}

fn many(host: &Host) {
    let _network = host.up("--ports 1");
    let mut streams: Vec<_> = (0..4)
        .map(|_| {
            let (status, stream) = ask("ub0", "capture");
            assert_eq!(status, 200);
            stream
        })
        .collect();
    assert_eq!(ask("ub0", "capture").0, 429);
    let refused = host.udp_bridge("capture all -c 1");
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("there are 4 captures of this network already"), "{refused:?}");
    streams.pop();
    wait::for_yes("who has gone makes room", || ask("ub0", "capture").0 == 200);
}

/// Sends so many large datagrams.
fn flood(host: &Host, from: &End, to: SocketAddr, datagrams: usize) {
    let socket = from.udp(host, from.ipv4.into());
    for _ in 0..datagrams {
        // A full queue is no matter here.
        let _ = socket.send_to(&[7; 1400], to);
    }
}

fn stalls(host: &Host) {
    let network = host.up("--ports 2");
    let ends = network.ends();
    let to = (ends[2].ipv4, 7000).into();
    let (status, mut stalled) = ask("ub0", "capture");
    assert_eq!(status, 200);
    // All places are taken now; the others have little to read.
    let mut others: Vec<_> = (0..3).map(|_| start_quiet(host)).collect();
    wait::for_yes("the capture that is not read has ended", || {
        flood(host, &ends[1], to, 1000);
        ask("ub0", "capture").0 == 200
    });
    assert!(others.iter_mut().all(|other| other.try_wait().unwrap().is_none()), "nobody else's");
    ends[1].ping(host, ends[2].ipv4.into());
    // What had been sent can be read to its end, which says what was missed.
    let mut rest = Vec::new();
    stalled.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut piece = [0; 1 << 16];
    while !rest.ends_with(b"\r\n0\r\n\r\n") {
        let got = stalled.read(&mut piece).unwrap();
        assert!(got > 0, "it broke off");
        rest.extend_from_slice(&piece[..got]);
    }
    assert!(rest.len() > 8 << 20, "the rings' content");
    for mut other in others {
        other.kill().unwrap();
        other.wait().unwrap();
    }
}

/// A capture of nothing that there is.
fn start_quiet(host: &Host) -> std::process::Child {
    let mut command = host.command("capture all host 203.0.113.77 -w -");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // The head of the file.
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 12]).unwrap();
    child
}

fn ends(host: &Host) {
    let network = host.up("--ports 1");
    let capture = start(host, "/run/all.pcapng", &["all"]);
    host.udp_bridge("down").ok();
    let finished = capture.wait().ok();
    assert!(finished.stderr.contains(" frames captured, 0 missed"), "{finished:?}");
    let (_, told) = crate::files::read("/run/all.pcapng".as_ref());
    assert_eq!(told, 2);
    drop(network);
}

fn enough(host: &Host) {
    let network = host.up("--ports 2");
    let ends = network.ends();
    let program = udp_bridge_tests::host::product::binary();
    let line = format!("{} capture all icmp | head -n 1", program.display());
    let mut running = host.start(std::process::Command::new("sh").args(["-c", &line]));
    wait::for_yes("one line was enough", || {
        ends[1].ping(host, ends[2].ipv4.into());
        running.has_ended()
    });
    let finished = running.wait().ok();
    assert_eq!(finished.stdout.lines().count(), 1, "{finished:?}");
    assert!(!finished.stderr.contains("error"), "{finished:?}");
}
