//! A conversation that must not be disturbed.

use super::traffic::random;
use super::wait;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// Bytes of one message; it is sent back before the next.
const LENGTH: usize = 3000;

/// Two ends of a TCP connection that talk until they are told to stop. A reset, or a byte that is not
/// the one that was sent, is a panic of their threads.
#[derive(Debug)]
pub struct Talk {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    client: JoinHandle<()>,
    server: JoinHandle<()>,
}

impl Talk {
    /// Begins it, between the two ends of a connection.
    pub fn start(mut client: TcpStream, mut server: TcpStream) -> Self {
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(wait::LONG)).unwrap();
            stream.set_nodelay(true).unwrap();
        }
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (until, count) = (stop.clone(), rounds.clone());
        let client = thread::spawn(move || {
            let mut answer = vec![0; LENGTH];
            while !until.load(Ordering::Relaxed) {
                let said = random(LENGTH, count.load(Ordering::Relaxed));
                client.write_all(&said).unwrap();
                client.read_exact(&mut answer).unwrap();
                assert!(said == answer, "a message was changed on its way");
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let server = thread::spawn(move || {
            let mut buffer = vec![0; LENGTH];
            loop {
                match server.read(&mut buffer).unwrap() {
                    0 => return,
                    length => server.write_all(&buffer[..length]).unwrap(),
                }
            }
        });
        Self { stop, rounds, client, server }
    }

    /// Waits until there was another message and its answer.
    #[track_caller]
    pub fn assert_goes_on(&self) {
        let before = self.rounds.load(Ordering::Relaxed);
        wait::for_yes("another message is answered", || {
            assert!(!self.client.is_finished(), "the conversation has broken off");
            self.rounds.load(Ordering::Relaxed) > before + 1
        });
    }

    /// Ends it in order.
    pub fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.client.join().unwrap();
        self.server.join().unwrap();
    }
}
