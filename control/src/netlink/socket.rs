//! How does one request get its answer?

use super::{Attempt, NetlinkError};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use std::io;

/// How often a listing is started again because what it lists changed under it.
const DUMP_ATTEMPTS: usize = 32;

/// `NLM_F_DUMP_INTR`: what is listed changed while it was listed (`include/uapi/linux/netlink.h`).
const NLM_F_DUMP_INTR: u16 = 0x10;

/// A route socket.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// What came back for one request.
struct Answer {
    messages: Vec<RouteNetlinkMessage>,
    /// The kernel says that a listing does not fit together (`NLM_F_DUMP_INTR`).
    interrupted: bool,
}

impl Netlink {
    /// Opens a socket in the calling thread's network namespace; it stays there.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn open() -> Result<Self, NetlinkError> {
        let open = || -> io::Result<Socket> {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            Ok(socket)
        };
        let socket = open().map_err(|source| NetlinkError::new(Attempt::Open, source))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends one request with these flags besides the usual ones; returns what came before the
    /// kernel's acknowledgement.
    pub(super) fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        Ok(self.exchange(message, flags | NLM_F_ACK)?.messages)
    }

    /// Lists everything that matches the request, as it was at one time.
    pub(super) fn dump(
        &mut self,
        message: &RouteNetlinkMessage,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        for _ in 0..DUMP_ATTEMPTS {
            let answer = self.exchange(message.clone(), NLM_F_DUMP)?;
            if !answer.interrupted {
                return Ok(answer.messages);
            }
        }
        Err(Errno::EINTR.into())
    }

    fn exchange(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Answer> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answer = Answer { messages: Vec::new(), interrupted: false };
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            if self.read(&datagram, &mut answer)? {
                return Ok(answer);
            }
        }
    }

    /// Reads one datagram of an answer; true if it was the last.
    fn read(&self, datagram: &[u8], answer: &mut Answer) -> io::Result<bool> {
        let mut rest = datagram;
        while let Some(length) = message_length(rest) {
            let (bytes, after) = rest.split_at(length.min(rest.len()));
            rest = after.get(padding(length)..).unwrap_or_default();
            // What this library cannot read (a kind of route newer than it) is left out.
            let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes) else {
                continue;
            };
            let (header, payload) = message.into_parts();
            if header.sequence_number != self.sequence {
                continue;
            }
            answer.interrupted |= header.flags & NLM_F_DUMP_INTR != 0;
            match payload {
                NetlinkPayload::InnerMessage(message) => answer.messages.push(message),
                NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                NetlinkPayload::Error(_) => return Ok(true),
                NetlinkPayload::Done(done) if done.code < 0 => {
                    return Err(io::Error::from_raw_os_error(-done.code));
                }
                NetlinkPayload::Done(_) => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }
}

/// The length in the header of the first message, if there is a whole header.
pub(super) fn message_length(bytes: &[u8]) -> Option<usize> {
    let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
    (length >= 16 && bytes.len() >= 16).then_some(length)
}

/// How many bytes follow a message of this length up to the next multiple of 4.
pub(super) fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}
