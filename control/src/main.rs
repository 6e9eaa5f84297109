//! The `udp-bridge` command.

fn main() {}
