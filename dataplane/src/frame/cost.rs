//! What does a frame cost the wire?

use super::Frame;

/// The frames that a frame stands for on a wire, and their bytes, from Ethernet on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How many frames: 1, or the segments of a super-frame.
    pub packets: u64,
    /// Their bytes, the headers of each segment included.
    pub bytes: u64,
}

impl Frame<'_> {
    /// What it costs: a super-frame as much as all that it is cut into. The kernel reckons so too
    /// (`qdisc_pkt_len_init` in `net/core/dev.c`).
    #[inline]
    pub fn cost(&self) -> Cost {
        let whole = self.len() as u64;
        if self.super_frame().is_none() {
            return Cost { packets: 1, bytes: whole };
        }
        let headers = self.layout().payload();
        // A super-frame has a payload, and a size to cut it to.
        let size = usize::from(self.offload().gso_size.get()).max(1);
        let packets = (self.len() - headers).div_ceil(size).max(1) as u64;
        Cost { packets, bytes: whole + (packets - 1) * headers as u64 }
    }
}
