//! Frames of all kinds through small worlds; see `udp_bridge_tests::fuzz`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| udp_bridge_tests::fuzz::frame_path(data));
