//! How is traffic made? By the load generators of `udp-bridge bench`, started by their hidden verb.

use control::bench::load::{Job, Ready, Role, START, Tally, Task};
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::product::binary;
use udp_bridge_tests::host::traffic::End;

/// The congestion control of TCP, at both ends: under BBR the pacing, not the bridge, decides.
pub(crate) const CONGESTION: &str = "cubic";
/// Payload of a datagram, in bytes: its frame is one of the smallest that Ethernet has.
const SMALL_PAYLOAD: usize = 18;
/// Traffic before the measured span.
const WARM_UP: Duration = Duration::from_millis(200);
/// The measured span.
pub(crate) const SPAN: Duration = Duration::from_secs(1);

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// One TCP stream.
    Stream,
    /// UDP in the smallest frames.
    Small,
}

impl Load {
    /// What it is called, with the unit of [`Load::measure`].
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stream => "TCP stream, Gbit/s",
            Self::Small => "18-byte UDP, kpps",
        }
    }

    /// Sends from one end to the other; gives how much arrived by the second.
    pub(crate) fn measure(self, host: &Host, from: &End, to: &End) -> f64 {
        let task = match self {
            Self::Stream => Task::Stream { to_server: 1, to_client: 0 },
            Self::Small => Task::Datagrams { payload: SMALL_PAYLOAD, segments: 1, rate: None },
        };
        let job = |role, server| Job {
            role,
            task,
            server,
            addresses: 1,
            warm_up: WARM_UP,
            span: SPAN,
            congestion: CONGESTION.to_owned(),
        };
        let listen = SocketAddrV4::new(to.ipv4, 0);
        let mut server = Worker::start(host, to, &job(Role::Server, listen));
        let there: Ready = server.hear();
        let reach = SocketAddrV4::new(to.ipv4, there.port);
        let mut client = Worker::start(host, from, &job(Role::Client, reach));
        let here: Ready = client.hear();
        for congestion in [here.congestion, there.congestion].into_iter().flatten() {
            assert_eq!(congestion, CONGESTION, "load tcp_{CONGESTION}: figures are of it alone");
        }
        server.tell(START);
        client.tell(START);
        client.hear::<Tally>();
        let Tally { count, seconds, .. } = server.hear();
        let scale = if self == Self::Stream { 8e-9 } else { 1e-3 };
        count as f64 / seconds * scale
    }
}

/// One end. Dropping it ends its process.
struct Worker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Worker {
    fn start(host: &Host, at: &End, job: &Job) -> Self {
        let namespace: PathBuf = host.netns(at.namespace.as_deref().unwrap());
        let mut child = Command::new(binary())
            .args(["load", "--netns"])
            .arg(namespace)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut worker = Self { child, input, output: BufReader::new(output) };
        worker.tell(&(serde_json::to_string(job).unwrap() + "\n"));
        worker
    }

    fn tell(&mut self, line: &str) {
        self.input.write_all(line.as_bytes()).expect("an end of the traffic is gone");
    }

    /// Its next answer. It says on standard error why there is none.
    fn hear<T: DeserializeOwned>(&mut self) -> T {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Fails only for one that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
