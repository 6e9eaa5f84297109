//! Clients that send garbage, too much, nothing, or are too many. The server goes on.

use super::super::protocol::ClientsInfo;
use super::super::server::{MAX_BODY, MAX_CLIENTS, Patience};
use super::{OnePort, Served};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(100);

fn impatient() -> Served {
    Served::with(OnePort::new(true), Patience { head: SHORT, body: SHORT })
}

/// What comes until the server ends the connection.
fn rest(mut stream: UnixStream) -> String {
    let mut answer = Vec::new();
    // It is reset where not all was read that was sent.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The counts, and that the server still answers.
fn counts(served: &Served) -> ClientsInfo {
    served.client().daemon().unwrap().clients
}

#[test]
fn garbage_is_400_and_the_server_goes_on() {
    let served = Served::new(true);
    let long = [b'x'; 1000];
    let sent: [&[u8]; 6] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"hello world\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &long,
    ];
    for garbage in sent {
        let mut stream = served.connect();
        stream.write_all(garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = rest(stream);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    let malformed = counts(&served).malformed;
    assert!(malformed >= 4, "{malformed}");
}

#[test]
fn a_body_that_is_no_network_is_400() {
    let served = Served::new(true);
    for (body, words) in [
        ("", "no network in JSON"),
        ("{", "no network in JSON"),
        ("\u{fffd}\u{0}", "no network in JSON"),
        (r#"{"ports": 1, "colour": "red"}"#, "colour"),
        (r#"{"ports": "many"}"#, "many"),
        (r#"{"name": "x"}"#, "--ports 0"),
    ] {
        let answer = served.raw_with("POST", "/v1/networks", body);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains(words), "{words} is not in {answer}");
    }
}

#[test]
fn a_head_that_never_ends_is_refused() {
    let served = Served::new(true);
    let mut stream = served.connect();
    stream.write_all(b"GET /v1/networks HTTP/1.1\r\n").unwrap();
    let line = format!("x-filler: {}\r\n", "y".repeat(8000));
    while stream.write_all(line.as_bytes()).is_ok() {}
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    counts(&served);
}

#[test]
fn a_body_that_is_too_long_is_413_whether_it_says_so_or_not() {
    let served = Served::new(true);
    for path in ["/v1/networks", "/v1/networks/ub0/flows/flush"] {
        let mut stream = served.connect();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", MAX_BODY + 1);
        stream.write_all(head.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = rest(stream);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    let mut stream = served.connect();
    let head = "POST /v1/networks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    while stream.write_all(chunk.as_bytes()).is_ok() {}
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(counts(&served).too_large, 3);
}

#[test]
fn who_says_nothing_or_not_all_in_time_is_408() {
    let served = impatient();
    for said in ["", "GET /v1/net", "POST /v1/networks HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"] {
        let mut stream = served.connect();
        stream.write_all(said.as_bytes()).unwrap();
        let answer = rest(stream);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{said:?}: {answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    assert_eq!(counts(&served).timed_out, 3);
}

#[test]
fn who_rests_after_an_answer_is_let_go_without_a_word() {
    let served = impatient();
    let mut stream = served.connect();
    stream.write_all(b"GET /v1/networks HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("408"), "{answer}");
    assert_eq!(counts(&served).timed_out, 0);
}

#[test]
fn one_client_more_than_can_be_is_told_and_one_less_lets_it_in() {
    let served = Served::new(true);
    let mut clients: Vec<_> = (0..MAX_CLIENTS).map(|_| served.connect()).collect();
    // They are let in in their order: the last one has its place when it is answered.
    let last = clients.last_mut().unwrap();
    last.write_all(b"GET /v1/networks HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    last.read_exact(&mut [0; 8]).unwrap();
    let answer = served.raw("GET", "/v1/networks");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("64 clients"), "{answer}");
    drop(clients.pop());
    let deadline = Instant::now() + Duration::from_secs(20);
    let answer = loop {
        let answer = served.raw("GET", "/v1/daemon");
        if answer.starts_with("HTTP/1.1 200 ") || Instant::now() > deadline {
            break answer;
        }
    };
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop(clients);
    let refused = counts_when_there_is_room(&served).refused;
    assert!(refused >= 1, "{refused}");
}

fn counts_when_there_is_room(served: &Served) -> ClientsInfo {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match served.client().daemon() {
            Ok(info) => return info.clients,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

#[test]
fn who_goes_away_in_the_middle_leaves_nothing_behind() {
    let served = Served::new(true);
    for said in [
        "GET /v1/networks HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /v1/networks HTTP/1.1\r\nContent-Length: 900\r\n\r\n{",
        "GET /v1",
    ] {
        served.connect().write_all(said.as_bytes()).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while counts(&served).connected > 1 {
        assert!(Instant::now() < deadline, "they keep their places");
    }
}
