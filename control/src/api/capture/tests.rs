//! A capture over a real socket.

use super::CaptureQuery;
use crate::api::client::ClientError;
use crate::api::tests::{OnePort, Served};
use crate::capture::pcapng::{self, Block};
use dataplane::capture::{Capture, RING_SIGHTINGS, Seen, Sighting};
use dataplane::clock::Time;
use dataplane::outcome::{DropReason, PortId};
use dataplane::wire::vnet::VnetHeader;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

type Shared = Arc<Mutex<Option<Capture>>>;

const PORT: PortId = PortId(0);

fn served() -> (Served, Shared) {
    let network = OnePort::new(true);
    let capture = Arc::clone(&network.capture);
    (Served::of(network), capture)
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Lets a frame come in, once the capture has begun.
fn comes(capture: &Shared, stamp: u64, frame: &[u8]) {
    until("the capture begins", || capture.lock().unwrap().is_some());
    let mut capture = capture.lock().unwrap();
    let capture = capture.as_mut().unwrap();
    capture.comes(PORT, None, frame, Time::START);
    let seen = Seen::Refused(DropReason::ShortFrame);
    capture.came(&Sighting::new(stamp, PORT, frame.len(), VnetHeader::default(), seen), None);
}

/// Reads all frames, and what was missed last; `each` may end it.
fn read(
    served: &Served,
    asked: &CaptureQuery,
    mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(Vec<Vec<u8>>, u64), ClientError> {
    let (mut rest, mut frames, mut missed) = (Vec::new(), Vec::new(), 0);
    served.network().capture(asked, &mut |bytes| {
        rest.extend_from_slice(bytes);
        while let Ok(Some(length)) = pcapng::length(&rest)
            && rest.len() >= length
        {
            let block: Vec<u8> = rest.drain(..length).collect();
            match pcapng::read(&block).unwrap() {
                Block::Packet { frame, .. } => frames.push(frame.to_vec()),
                Block::Missed(0, number) => missed = number,
                _ => {}
            }
        }
        each(bytes)
    })?;
    assert!(rest.is_empty(), "an answer ends with a block");
    Ok((frames, missed))
}

const ON: fn(&[u8]) -> ControlFlow<()> = |_| ControlFlow::Continue(());

#[test]
fn frames_are_sent_as_they_come_and_the_answer_ends_with_the_count_or_the_network() {
    let (served, capture) = served();
    let sender = Arc::clone(&capture);
    let thread = thread::spawn(move || (1..=3).for_each(|n| comes(&sender, n, &[n as u8; 9])));
    let asked = CaptureQuery { count: Some(2), ..CaptureQuery::default() };
    let (frames, missed) = read(&served, &asked, ON).unwrap();
    thread.join().unwrap();
    assert_eq!((frames, missed), (vec![vec![1; 9], vec![2; 9]], 0));
    until("the capture ends", || capture.lock().unwrap().as_ref().unwrap().is_over(Time::START));

    *capture.lock().unwrap() = None;
    let sender = Arc::clone(&capture);
    let thread = thread::spawn(move || {
        comes(&sender, 7, &[7; 60]);
        *sender.lock().unwrap() = None;
    });
    assert_eq!(read(&served, &CaptureQuery::default(), ON).unwrap(), (vec![vec![7; 60]], 0));
    thread.join().unwrap();
}

#[test]
fn what_a_slow_client_misses_is_told_and_nobody_waits_for_it() {
    let (served, capture) = served();
    let sender = Arc::clone(&capture);
    let (told, go) = std::sync::mpsc::channel();
    let frames = RING_SIGHTINGS * 3;
    let thread = thread::spawn(move || {
        // More than the sockets and the rings have room for.
        (0..frames).for_each(|n| comes(&sender, n as u64, &[1; 1500]));
        told.send(()).unwrap();
        *sender.lock().unwrap() = None;
    });
    let (got, missed) = read(&served, &CaptureQuery::default(), |_| {
        let _ = go.recv();
        ControlFlow::Continue(())
    })
    .unwrap();
    thread.join().unwrap();
    assert!(missed > 0, "some must have been missed");
    assert_eq!(got.len() as u64 + missed, frames as u64);
}

#[test]
fn a_client_that_goes_ends_its_capture_though_no_frame_comes() {
    let (served, capture) = served();
    // The head comes at once.
    read(&served, &CaptureQuery::default(), |_| ControlFlow::Break(())).unwrap();
    until("the capture ends", || capture.lock().unwrap().as_ref().unwrap().is_over(Time::START));
    assert_eq!(served.network().info().unwrap().name, "ub0", "and nothing else");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_captured() {
    let (served, capture) = served();
    for (query, words) in [
        (
            CaptureQuery { port: Some("web".to_owned()), ..CaptureQuery::default() },
            "no port \"web\"",
        ),
        (CaptureQuery { filter: "tcp prot".to_owned(), ..CaptureQuery::default() }, "^^^^"),
    ] {
        match read(&served, &query, ON) {
            Err(ClientError::Refused { problem, .. }) => {
                assert_eq!(problem.status, 400);
                assert!(problem.detail.contains(words), "{}", problem.detail);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(capture.lock().unwrap().is_none());
    match read(&Served::new(false), &CaptureQuery::default(), ON) {
        Err(ClientError::Refused { problem, .. }) => assert_eq!(problem.status, 503),
        other => panic!("{other:?}"),
    }
}
