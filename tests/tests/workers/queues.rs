//! A frame leaves by the queue it came by, and one of a translated flow by that of the flow.

use super::crew::{Crew, at_last, send_by};
use dataplane::capture::Spec;
use dataplane::outcome::QueueId;
use dataplane::port::memory::MemoryHost;
use udp_bridge_tests::errors::{ask, tell, told};
use udp_bridge_tests::network::*;
use udp_bridge_tests::packets::plain;
use udp_bridge_tests::pieces::fragments;
use udp_bridge_tests::talk::{hear, udp};
use udp_bridge_tests::world::{own_mac, strange_mac};

const QUEUES: usize = 4;

/// Workers, fewer than there are queues and more.
const CREWS: [usize; 4] = [1, 2, 3, 6];

fn queues() -> impl Iterator<Item = QueueId> + Clone {
    (0..QUEUES as u8).map(QueueId)
}

/// What comes, and by which queue.
fn next(host: &MemoryHost) -> (QueueId, Vec<u8>) {
    let come = || queues().find_map(|queue| host.receive_by(queue).map(|frame| (queue, frame)));
    at_last("a frame", come)
}

fn is_arp(frame: &[u8]) -> bool {
    frame[12..14] == [0x08, 0x06]
}

/// Does something with each crew that has a router.
fn each_router(act: impl Fn(&Crew)) {
    for workers in CREWS {
        let crew = Crew::of_queues(QUEUES, workers, 3);
        crew.handle.reconfigure(router(3)).unwrap();
        eprintln!("{workers} workers");
        act(&crew);
        crew.stop();
    }
}

/// Does something with each crew, while nobody looks and while somebody does.
fn each_crew(act: impl Fn(&Crew)) {
    for workers in CREWS {
        let crew = Crew::of_queues(QUEUES, workers, 3);
        act(&crew);
        let looking = crew.handle.capture(Spec::ALL).unwrap();
        act(&crew);
        drop(looking);
        crew.stop();
    }
}

#[test]
fn a_frame_leaves_by_the_queue_it_came_by() {
    each_crew(|crew| {
        for queue in queues() {
            send_by(&crew.hosts[1], queue, &plain(own_mac(2), own_mac(1), 60));
            assert_eq!(next(&crew.hosts[2]).0, queue);
            let to_all = plain(strange_mac(7), own_mac(1), 60);
            send_by(&crew.hosts[1], queue, &to_all);
            for other in [0, 2] {
                assert_eq!(next(&crew.hosts[other]), (queue, to_all.clone()));
            }
        }
    });
}

#[test]
fn so_does_an_answer_of_the_bridge_itself() {
    each_router(|crew| {
        for queue in queues() {
            // The host asks for the next hop.
            let asks = ask((own_mac(0), V4.bridge), NEXT_HOP.0.into());
            send_by(&crew.hosts[0], queue, &asks);
            let (by, answer) = next(&crew.hosts[0]);
            assert_eq!((by, told(&answer).target), (queue, NEXT_HOP.0.into()));
        }
    });
}

#[test]
fn a_frame_that_waited_leaves_by_its_own_queue_and_not_by_that_of_the_answer() {
    each_router(|crew| {
        let outside = at(V4.outside, 53);
        for queue in queues() {
            // An address that nobody but port 1 knows of.
            let own = V4.nobody(queue.0.into());
            send_by(&crew.hosts[1], queue, &udp(up(1), at(own, 5000), outside, b"out"));
            let sent =
                at_last("a datagram", || Some(next(&crew.hosts[0]).1).filter(|it| !is_arp(it)));
            let lease = hear(&sent).from;
            send_by(&crew.hosts[0], queue, &udp(down(), outside, lease, b"back"));
            let (by, question) = next(&crew.hosts[1]);
            let question = told(&question);
            assert_eq!((by, question.asks, question.target), (queue, true, own));
            let answer = tell((own_mac(1), own), (question.macs.1, V4.bridge));
            send_by(&crew.hosts[1], QueueId((queue.0 + 1) % QUEUES as u8), &answer);
            let (by, reply) = next(&crew.hosts[1]);
            assert_eq!((by, hear(&reply).payload), (queue, b"back".to_vec()));
        }
    });
}

#[test]
fn a_translated_flow_stays_with_the_queue_it_began_by() {
    each_router(|crew| {
        for began in queues() {
            let (inside, outside) =
                (at(V4.inside(1), 1000 + u16::from(began.0)), at(V4.outside, 53));
            // As the kernel may choose before both directions were written.
            for (out, back) in queues().zip(queues().map(|queue| QueueId(3 - queue.0))) {
                let first = if out == QueueId::FIRST { began } else { out };
                send_by(&crew.hosts[1], first, &udp(up(1), inside, outside, b"out"));
                let (by, sent) = next(&crew.hosts[0]);
                assert_eq!(by, began);
                let reply = udp(down(), outside, hear(&sent).from, b"back");
                send_by(&crew.hosts[0], back, &reply);
                assert_eq!(next(&crew.hosts[1]).0, began);
            }
        }
    });
}

#[test]
fn all_fragments_of_a_translated_datagram_leave_by_the_queue_they_came_by() {
    each_router(|crew| {
        let (inside, outside) = (at(V4.inside(1), 1000), at(V4.outside, 53));
        // The flow has another queue than its fragments have.
        send_by(&crew.hosts[1], QueueId(2), &udp(up(1), inside, outside, b"whole"));
        assert_eq!(next(&crew.hosts[0]).0, QueueId(2));
        for queue in queues() {
            let datagram = udp(up(1), inside, outside, &[7; 3000]);
            for piece in fragments(&datagram, 1000, queue.0.into()) {
                send_by(&crew.hosts[1], queue, &piece);
                assert_eq!(next(&crew.hosts[0]).0, queue);
            }
        }
    });
}
