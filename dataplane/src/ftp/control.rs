//! What is known of one control connection?

use super::command::{self, Notation};
use super::sequence::{self, Shift, change_acknowledgments, change_sequence, is_before};
use super::{LOWEST_PORT, mangle};
use crate::flow::{Address, Direction};
use crate::frame::Frame;
use crate::wire::tcp::flag;
use std::ops::Range;

/// A data connection to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement<A> {
    /// The address and port that will be connected to: the sender's, as it knows itself.
    pub expects: (A, u16),
    /// Who will connect: the receiver, as the sender knows it. Its port is not known, though servers
    /// mostly use 20.
    pub by: A,
    /// What the receiver was told instead, if the segment is sent again: it must be told the same.
    pub replaced_by: Option<(A, u16)>,
    /// Where in the payload the endpoint is written.
    pub(super) text: Range<usize>,
    /// How it is written.
    pub(super) notation: Notation,
}

/// A control connection. To be kept beside its conntrack entry; see the head of the room for the
/// order of the calls.
#[derive(Clone, Debug)]
pub struct Control<A> {
    sides: [Side<A>; 2],
}

/// What one end has sent. All numbers are the sender's own.
#[derive(Clone, Debug)]
pub(super) struct Side<A> {
    /// Where the last two lines end, and the next begin.
    lines: [Option<u32>; 2],
    /// What mangling did to the numbers.
    pub(super) shift: Shift,
    /// The last text replaced: where it begins, and by what.
    pub(super) replaced: Option<(u32, (A, u16))>,
}

impl<A: Address> Control<A> {
    /// A connection of which nothing has been seen. Best begun with its SYN; in the middle of a
    /// connection the first line is read over.
    pub fn new() -> Self {
        Self {
            sides: [(); 2].map(|()| Side {
                lines: [None; 2],
                shift: Shift::default(),
                replaced: None,
            }),
        }
    }

    /// A connection whose first SYN had this number.
    pub fn begun(sequence: u32) -> Self {
        let mut control = Self::new();
        control.side_mut(Direction::Original).ends_line(sequence.wrapping_add(1));
        control
    }

    /// Turns what the segment acknowledges into the numbers of who sent that: to be done first, so that
    /// conntrack sees each end's own numbers.
    pub fn acknowledge(&self, frame: &mut Frame<'_>, direction: Direction) {
        let shift = &self.side(direction.opposite()).shift;
        if !shift.is_none() {
            change_acknowledgments(frame, |number| shift.back(number));
        }
    }

    /// Reads the segment. It must be as its sender sent it, not translated yet.
    pub fn on_packet(
        &mut self,
        frame: &Frame<'_>,
        direction: Direction,
    ) -> Option<Announcement<A>> {
        let header = sequence::header(frame)?;
        let layout = frame.layout();
        let payload = &frame.ethernet()[layout.payload()..layout.end()];
        let sequence = header.sequence.get();
        let side = self.side_mut(direction);
        if header.flags & flag::SYN != 0 {
            side.ends_line(sequence.wrapping_add(1));
            return None;
        }
        let begins_line = side.lines.contains(&Some(sequence));
        if payload.last() == Some(&b'\n') {
            // A frame is far shorter than 2^32 bytes.
            side.ends_line(sequence.wrapping_add(payload.len() as u32));
        }
        let written = command::read::<A>(payload, direction)?;
        let start = sequence.wrapping_add(written.text.start as u32);
        let again = side.replaced.filter(|&(known, _)| known == start);
        if !begins_line && again.is_none() {
            return None;
        }
        let addresses = &frame.packet()[A::OFFSET..];
        let (sender, receiver) = (A::read(addresses), A::read(&addresses[A::LEN..]));
        if written.address.is_some_and(|address| address != sender) || written.port < LOWEST_PORT {
            return None;
        }
        Some(Announcement {
            expects: (sender, written.port),
            by: receiver,
            replaced_by: again.map(|(_, by)| by),
            text: written.text,
            notation: written.notation,
        })
    }

    /// Writes the frame with `to` in place of the announced endpoint, and the numbers that its receiver
    /// knows, to `room`: a virtio header and the frame, to be parsed anew. Returns their length in bytes.
    /// If the text was replaced before, then by the same as then.
    ///
    /// `room` is [`MAX_GROWTH`](mangle::MAX_GROWTH) bytes longer than the frame with its virtio header.
    ///
    /// # Errors
    /// [`Unmangled`](mangle::Unmangled); nothing has changed then, and the frame passes with [`Self::shift`].
    pub fn mangle(
        &mut self,
        frame: &Frame<'_>,
        direction: Direction,
        announcement: &Announcement<A>,
        to: (A, u16),
        room: &mut [u8],
    ) -> Result<usize, mangle::Unmangled> {
        let to = announcement.replaced_by.unwrap_or(to);
        mangle::mangle(frame, self.side_mut(direction), announcement, to, room)
    }

    /// Turns the segment's own number into that which its receiver knows: to be done last, unless the
    /// segment was mangled.
    pub fn shift(&self, frame: &mut Frame<'_>, direction: Direction) {
        let shift = &self.side(direction).shift;
        if !shift.is_none() {
            change_sequence(frame, |number| shift.out(number));
        }
    }

    fn side(&self, direction: Direction) -> &Side<A> {
        &self.sides[direction as usize]
    }

    fn side_mut(&mut self, direction: Direction) -> &mut Side<A> {
        &mut self.sides[direction as usize]
    }
}

impl<A: Address> Default for Control<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A> Side<A> {
    /// A line ends before this number. The older of two is forgotten; one is kept for segments that
    /// are sent again.
    fn ends_line(&mut self, number: u32) {
        if self.lines.contains(&Some(number)) {
            return;
        }
        match self.lines {
            [Some(older), Some(newer)] if !is_before(older, newer) => {
                self.replace_line(1, newer, number);
            }
            [Some(older), Some(_)] => self.replace_line(0, older, number),
            [Some(_), None] => self.lines[1] = Some(number),
            [None, _] => self.lines[0] = Some(number),
        }
    }

    fn replace_line(&mut self, index: usize, old: u32, new: u32) {
        if is_before(old, new) {
            self.lines[index] = Some(new);
        }
    }
}
