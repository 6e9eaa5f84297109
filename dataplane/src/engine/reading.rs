//! How is an inlet read that has frames?

use super::desk::Counters;
use super::station::Inlet;
use crate::clock::Time;
use crate::config::MAX_PORTS;
use crate::frame::FrameBuffer;
use crate::gateway::HOST;
use crate::outcome::{DropReason, PortId, QueueId};
use crate::port::{Port, Received};
use crate::wire::vnet;

/// What serving a port came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// It had nothing.
    Idle,
    /// It had this many frames, and then no more.
    Dry(usize),
    /// It used up its budget; there may be more.
    More,
    /// It is gone.
    Gone,
}

/// What reads ports and sends what they bring on its way.
pub(super) trait Reads {
    /// A port to read from; `None` if it was taken out.
    fn reader(&mut self, id: PortId) -> Option<&mut Box<dyn Port>>;

    /// Where its reader counts.
    fn counters(&self) -> &Counters;

    /// The way of a frame that was read and counted, and of what it leaves to be sent.
    fn receive(&mut self, ingress: PortId, queue: QueueId, bytes: &mut [u8], now: Time);

    /// The port's device is gone: nothing goes there any more.
    fn bury(&mut self, id: PortId, now: Time);
}

/// Reads up to `budget` frames of one inlet and sends each on its way.
#[inline]
pub(super) fn serve(
    desk: &mut impl Reads,
    buffer: &mut FrameBuffer,
    Inlet { port: id, queue }: Inlet,
    budget: usize,
    now: Time,
) -> Served {
    // What is read from a listener enters as if from the host.
    let enters_as = if id.index() < MAX_PORTS { id } else { HOST };
    let mut frames = 0;
    while frames < budget {
        let Some(port) = desk.reader(id) else { return Served::Gone };
        match port.receive_by(queue, buffer) {
            Received::Frame(length) => {
                let bytes = buffer.filled(length);
                let counted = &desk.counters()[enters_as.index()];
                counted.received.add(1);
                counted.received_bytes.add(bytes.len().saturating_sub(vnet::HEADER_LEN) as u64);
                desk.receive(enters_as, queue, bytes, now);
            }
            Received::Unreadable => lose(desk.counters(), enters_as),
            Received::Interrupted => continue,
            Received::Empty if frames == 0 => return Served::Idle,
            Received::Empty => return Served::Dry(frames),
            Received::Gone => {
                desk.bury(id, now);
                return Served::Gone;
            }
        }
        frames += 1;
    }
    Served::More
}

/// A frame that came without its bytes.
#[cold]
fn lose(counters: &Counters, ingress: PortId) {
    let counted = &counters[ingress.index()];
    counted.received.add(1);
    counted.dropped(DropReason::UnreadableFrame).add(1);
}
