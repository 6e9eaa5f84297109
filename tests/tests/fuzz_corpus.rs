//! The fuzz target `frame_path` without a fuzzer: its corpus, and a bounded number of random inputs.
//!
//! To write the corpus anew: `cargo test -p udp-bridge-tests --test fuzz_corpus -- --ignored`.

use dataplane::wire::ethernet::MacAddr;
use proptest::collection::vec;
use proptest::prelude::*;
use std::path::PathBuf;
use udp_bridge_tests::errors::{Complaint, ask, complain, tell};
use udp_bridge_tests::fuzz::{EXTERNAL, PORTS, frame_path, record};
use udp_bridge_tests::network::*;
use udp_bridge_tests::packets::{Kind, plain};
use udp_bridge_tests::pieces::{fragments, unfinished};
use udp_bridge_tests::talk::*;
use udp_bridge_tests::world::{own_mac, strange_mac};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/frame_path")
}

fn behind_plain_header(frame: Vec<u8>) -> Vec<u8> {
    [&[0; 10][..], &frame].concat()
}

/// A frame of `kind` that becomes 3 segments.
fn super_frame(kind: Kind, to: MacAddr) -> Vec<u8> {
    kind.offloaded(to, own_mac(0), &[9; 250], 100)
}

/// Inputs from which a fuzzer gets everywhere: each kind of packet, and each kind of event.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for kind in Kind::ALL {
        let to = MacAddr::BROADCAST;
        let complete = behind_plain_header(kind.frame(to, own_mac(0), b"hello"));
        let partial = kind.offloaded(to, own_mac(0), b"hello", 0);
        seeds.push((format!("{kind:?}-complete"), record(0, &complete)));
        seeds.push((format!("{kind:?}-partial"), record(0, &partial)));
        seeds.push((format!("{kind:?}-super"), record(0, &super_frame(kind, to))));
    }
    let unicast = |from, to| behind_plain_header(plain(to, from, 60));
    let strangers = (0..9).map(|n| record(1, &unicast(strange_mac(n), own_mac(0))));
    seeds.push(("learn-and-evict".to_owned(), strangers.collect::<Vec<_>>().concat()));
    let moving = [(0, 1), (1, 0), (3 * 40, 0)]
        .map(|(at, n)| record(at, &unicast(strange_mac(n), strange_mac(1 - n))));
    seeds.push(("move-and-age".to_owned(), moving.concat()));
    let vanishing = [record(255, &[]), record(0, &unicast(own_mac(0), own_mac(2))), record(2, &[])];
    seeds.push(("vanish".to_owned(), vanishing.concat()));
    let tagged = [&[0; 10][..], &[0xff; 6], &own_mac(0).0, &[0x81, 0, 0, 5, 0x08, 0x06], &[0; 46]];
    seeds.push(("tagged".to_owned(), record(0, &tagged.concat())));
    seeds.extend(FAMILIES.into_iter().flat_map(routed_seeds));
    seeds
}

/// The same for the router: each sequence is a story of its own.
fn routed_seeds(family: Family) -> Vec<(String, Vec<u8>)> {
    let (inside, sibling) = (family.inside(1), family.inside(2));
    let Family { host, outside, hop, bridge, .. } = family;
    let external = *EXTERNAL.start();
    // Its own port is one of the external ones: it keeps it.
    let question = udp(up(1), at(inside, external), at(outside, 53), &[1; 64]);
    let answer = udp(down(), at(outside, 53), at(host, external), b"answer");
    let seen = udp(up(1), at(host, external), at(outside, 53), &[1; 64]);
    let error = complain(down(), hop, host, Complaint::TooBig(1280), &seen);
    let says = |flags, sequence, acknowledgment| Tcp {
        flags,
        sequence,
        acknowledgment,
        mss: (flags != "A").then_some(1460),
        payload: b"",
    };
    let (client, server) = (at(inside, external), at(outside, 80));
    let connection = [
        (1, tcp(up(1), client, server, says("S", 1, 0))),
        (0, tcp(down(), server, at(host, external), says("SA", 9, 2))),
        (1, tcp(up(1), client, server, says("A", 2, 10))),
    ];
    let caller = at(sibling, 4000);
    let calls = [
        (0, udp(down(), at(outside, 4000), at(host, 8000), b"hello")),
        (2, udp(up(2), caller, at(host, 8000), b"hello")),
        (2, udp(up(2), caller, at(host, 8001), b"rejected")),
        (2, tcp(across(2, 1), caller, at(inside, 80), says("SA", 0, 0))),
    ];
    let large = udp(up(1), at(inside, external), at(outside, 53), &[2; 1000]);
    let pieces = fragments(&large, 400, 7);
    let told = [
        (0, ask((own_mac(0), bridge), family.of(NEXT_HOP.0.into(), NEXT_HOP.1.into()))),
        (1, udp(up(1), at(family.nobody(1), external), at(outside, 53), b"question")),
        (0, answer.clone()),
        (1, tell((own_mac(1), family.nobody(1)), (own_mac(0), bridge))),
    ];
    let ping = echo(up(1), inside, outside, external, false, 64);
    let pong = echo(down(), outside, host, external, true, 64);
    let probe = udp_with_hops(up(1), client, server, b"probe", 1);
    let name = |name: &str| format!("routed-{name}-{}", family.of("v4", "v6"));
    let story = |frames: &[(u8, Vec<u8>)]| -> Vec<u8> {
        let plain = |(at, frame): &(u8, Vec<u8>)| record(*at, &behind_plain_header(frame.clone()));
        frames.iter().flat_map(plain).collect()
    };
    let segments = tcp(up(1), client, server, Tcp { payload: &[3; 900], ..says("A", 2, 10) });
    vec![
        (name("datagrams"), story(&[(1, question.clone()), (0, answer), (0, error)])),
        (name("connection"), story(&connection)),
        (name("calls"), story(&calls)),
        (name("fragments"), story(&[2, 0, 1].map(|n: usize| (1, pieces[n].clone())))),
        (name("neighbours"), story(&told)),
        (name("pings"), story(&[(1, ping), (0, pong), (1, probe)])),
        (name("super"), [story(&connection), record(1, &unfinished(segments, 300))].concat()),
    ]
}

#[test]
#[ignore = "writes the corpus into the source tree"]
fn write_the_corpus() {
    std::fs::create_dir_all(folder()).unwrap();
    for (name, bytes) in seeds() {
        std::fs::write(folder().join(name), bytes).unwrap();
    }
}

#[test]
fn the_corpus_breaks_no_rule() {
    let files: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap()).collect();
    assert!(files.len() >= seeds().len());
    for file in files {
        let bytes = std::fs::read(file.path()).unwrap();
        println!("{}", file.path().display());
        frame_path(&bytes);
    }
}

/// A seed's frames, some of their bytes changed: nearly right, so they get far.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<proptest::sample::Index>(), any::<u8>()), 0..5);
    (vec(proptest::sample::select(seeds()), 1..4), changes).prop_map(|(seeds, changes)| {
        let mut bytes: Vec<u8> = seeds.into_iter().flat_map(|(_, bytes)| bytes).collect();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes
    })
}

/// Frames of any bytes from any port.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let frame = (0..PORTS as u8 * 8, vec(any::<u8>(), 0..120));
    vec(frame.prop_map(|(at, bytes)| record(at, &bytes)), 0..12).prop_map(|frames| frames.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn nearly_right_inputs_break_no_rule(bytes in damaged()) {
        frame_path(&bytes);
    }

    #[test]
    fn random_inputs_break_no_rule(bytes in noise()) {
        frame_path(&bytes);
    }
}
