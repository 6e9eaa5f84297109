//! What may come out of a namespace? Anything. So anything is let in here.
//!
//! The input is read as a sequence of frames, each with three bytes before it:
//!
//! ```text
//!  ┌───────────┬──────────────────┬─────────────────────────┐
//!  │ where (1) │ length, LE (2)   │ virtio header and frame │ …
//!  └───────────┴──────────────────┴─────────────────────────┘
//! ```
//!
//! `where % 3` is the port; `where / 3` is for how many ten seconds nothing happens before, so that
//! entries age; 255 lets port 2 vanish instead. The last frame may be cut off. Each frame has to end
//! as [`crate::ending`] says.

use crate::ending::offer;
use crate::world::{Setup, World};
use dataplane::config::StormLimit;
use dataplane::port::Offloads;
use std::time::Duration;

/// Ports of the world: all offloads, none, and some.
pub const PORTS: u16 = 3;

/// More frames than this in one input are not read, so that each case stays short.
const MAX_FRAMES: usize = 64;

/// The `where` byte that makes port 2 vanish.
const VANISH: u8 = 255;

/// Lets the frames of `data` walk through a small world. Panics if one breaks a rule.
pub fn frame_path(data: &[u8]) {
    let mut world = world();
    let mut rest = data;
    for _ in 0..MAX_FRAMES {
        let Some((&[at, low, high], after)) = rest.split_first_chunk() else { return };
        let length = usize::from(u16::from_le_bytes([low, high])).min(after.len());
        let (bytes, next) = after.split_at(length);
        rest = next;
        if at == VANISH {
            world.host(PORTS - 1).vanish();
            world.run();
        } else {
            world.wait(Duration::from_secs(u64::from(at) / u64::from(PORTS) * 10));
            offer(&mut world, u16::from(at) % PORTS, bytes);
        }
    }
}

/// One frame of an input.
pub fn record(at: u8, bytes: &[u8]) -> Vec<u8> {
    // An input is some kilobytes.
    let length = bytes.len().min(usize::from(u16::MAX)) as u16;
    [&[at][..], &length.to_le_bytes(), bytes].concat()
}

/// Small tables and tight limits, so that short inputs reach them.
fn world() -> World {
    let some = Offloads::CHECKSUM.with(Offloads::TSO4);
    Setup::of(PORTS)
        .switch(|switch| {
            switch.fdb_capacity = 8;
            switch.fdb_port_limit = 3;
            switch.storm = Some(StormLimit { frames_per_second: 200, bytes_per_second: 20_000 });
        })
        .port(1, |port| (port.offloads, port.isolated) = (Offloads::NONE, true))
        .port(2, |port| (port.offloads, port.isolated, port.mtu) = (some, true, 600))
        .start()
}
