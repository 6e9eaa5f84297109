//! Two honest hosts, and a network that loses, on either side of the tracker: none of their segments
//! is ever invalid.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// A host that takes data in order, and goes back to what is not acknowledged when told to.
#[derive(Clone, Debug)]
struct Host {
    /// The first byte that is not acknowledged, the next one to send and the highest one sent.
    unacknowledged: u32,
    next: u32,
    highest: u32,
    /// The next byte expected, and where the other side's window ends.
    expected: u32,
    allowed: u32,
    /// What it has room for, and how far it shifts that.
    window: u16,
    scale: u8,
}

impl Host {
    fn new(own: u32, other: u32, scale: u8) -> Self {
        Self {
            unacknowledged: own + 1,
            next: own + 1,
            highest: own + 1,
            expected: other + 1,
            // The window of a SYN is not scaled.
            allowed: own + 1 + u32::from(WINDOW),
            window: WINDOW,
            scale,
        }
    }

    /// A segment with as much as it wants to send and may.
    fn send(&mut self, wanted: u32) -> Segment {
        let room = self.allowed.wrapping_sub(self.next);
        let room = if room > u32::MAX / 2 { 0 } else { room };
        let payload = wanted.min(room);
        let segment =
            Segment { payload, window: self.window, ..segment(ACK, self.next, self.expected) };
        self.next = self.next.wrapping_add(payload);
        self.highest = self.highest.max(self.next);
        segment
    }

    /// What the other side's segment makes of it.
    fn receive(&mut self, segment: &Segment, scale: u8) {
        let ack = segment.acknowledgment;
        if ack >= self.unacknowledged && ack <= self.highest {
            self.unacknowledged = ack;
            self.next = self.next.max(ack);
            self.allowed = ack + (u32::from(segment.window) << scale);
        }
        if segment.sequence == self.expected {
            self.expected = segment.end();
        }
    }
}

/// What happens next: who does it, what, how many bytes, and where it is lost.
type Turn = (bool, u8, u32, u8);

fn turn() -> impl Strategy<Value = Turn> {
    (any::<bool>(), 0..10u8, 0..9000u32, 0..10u8)
}

proptest! {
    #[test]
    fn no_segment_of_two_honest_hosts_is_invalid(
        turns in vec(turn(), 0..300),
        scales in any::<Option<(u8, u8)>>(),
        windows in any::<(u16, u16)>(),
    ) {
        let scales = scales.map(|(a, b)| [a % 8, b % 8]);
        let mut story = Story::new(6);
        let offer = |side: usize, base| Segment {
            window_scale: scales.map(|scales| scales[side]),
            ..base
        };
        story.client(offer(0, segment(SYN, ISN[0], 0)));
        story.server(offer(1, segment(SYN | ACK, ISN[1], ISN[0] + 1)));
        story.client(segment(ACK, ISN[0] + 1, ISN[1] + 1));
        let [a, b] = scales.unwrap_or_default();
        let mut hosts = [Host::new(ISN[0], ISN[1], a), Host::new(ISN[1], ISN[0], b)];
        (hosts[0].window, hosts[1].window) = windows;
        for (server, what, bytes, lost) in turns {
            let (from, to) = (usize::from(server), usize::from(!server));
            let direction = if server { Reply } else { Original };
            if what == 0 {
                hosts[from].next = hosts[from].unacknowledged;
            }
            let segment = hosts[from].send(bytes);
            if lost == 0 {
                continue;
            }
            let state = story.packet(direction, &of_tcp(segment));
            prop_assert_eq!(state, Established, "{:?} of {:?}", segment, hosts);
            prop_assert_eq!(story.state(), "ESTABLISHED");
            if lost != 1 {
                let scale = hosts[from].scale;
                hosts[to].receive(&segment, scale);
            }
            story.wait(Duration::from_millis(10));
        }
        prop_assert!(story.is_assured());
    }
}
