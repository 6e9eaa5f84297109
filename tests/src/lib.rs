//! What the tests of `udp-bridge` share: one file for each place that they play in.

pub mod counts;
pub mod ending;
pub mod fuzz;
pub mod null;
pub mod packets;
pub mod world;
