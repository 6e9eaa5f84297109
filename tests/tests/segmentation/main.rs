//! Do we cut and complete frames as the kernel does, byte for byte?
//!
//! ```text
//!   the same bytes ──> TAP with offloads ──> kernel bridge ──> TAP without ──> frames ─┐
//!         │                                                                            ├─ equal?
//!         └──────────> dataplane::frame::{segment, complete} ──────────────> frames ───┘
//! ```
//!
//! The second TAP takes neither super-frames nor partial checksums, so the kernel does that work
//! between the two. Frames are random, from a fixed seed.
//!
//! Not compared: a super-frame that is only one segment, but looks like two when the TCP options or
//! the UDP header are taken for payload. The kernel does so when it reads the virtio header, finds one
//! segment when it cuts, and drops the frame (`virtio_net_hdr_to_skb`, `tcp_gso_segment`,
//! `__udp_gso_segment`); we pass it. No sender makes such frames.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is test code"
)]

mod kernel;
mod recipe;

use dataplane::frame::segment::Segments;
use dataplane::frame::{Frame, complete};
use dataplane::outcome::PortId;
use dataplane::wire::vnet::{self, VnetHeader, gso};
use kernel::Kernel;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use recipe::{Recipe, largest, plain_frames, routed, super_frames, zero_sums};
use std::cell::RefCell;
use std::process::ExitCode;
use udp_bridge_tests::host::needs::{Need, Suite};
use zerocopy::FromBytes;

/// Random frames of each kind.
const CASES: u32 = 300;

fn main() -> ExitCode {
    let bridge = &[Need::KernelBridge];
    let uso = &[Need::KernelBridge, Need::Uso];
    let mut suite = Suite::default();
    suite.add_needing(bridge, "tcp_over_ipv4_is_cut_as_by_the_kernel", |_| {
        compare(super_frames(false, true));
    });
    suite.add_needing(bridge, "tcp_over_ipv6_is_cut_as_by_the_kernel", |_| {
        compare(super_frames(true, true));
    });
    suite.add_needing(uso, "udp_over_ipv4_is_cut_as_by_the_kernel", |_| {
        compare(super_frames(false, false));
    });
    suite.add_needing(uso, "udp_over_ipv6_is_cut_as_by_the_kernel", |_| {
        compare(super_frames(true, false));
    });
    suite.add_needing(bridge, "checksums_are_completed_as_by_the_kernel", |_| {
        compare(plain_frames());
    });
    suite.add_needing(
        uso,
        "the_final_destination_of_a_routed_packet_stays_in_its_checksums",
        |_| {
            compare(routed());
        },
    );
    suite.add_needing(bridge, "a_checksum_of_zero_is_written_as_by_the_kernel", |_| {
        compare(zero_sums());
    });
    suite.add_needing(bridge, "the_largest_super_frames_are_cut_as_by_the_kernel", |_| {
        compare(largest());
    });
    suite.run(2)
}

/// What we make of a frame.
fn cut(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    let frame = Frame::parse(PortId(0), &mut bytes).unwrap();
    let mut room = vec![0; frame.with_vnet_header().len()];
    match Segments::of(&frame) {
        None => vec![complete::complete(&frame, &mut room).to_vec()],
        Some(mut segments) => {
            std::iter::from_fn(|| segments.write_next(&mut room).map(<[u8]>::to_vec)).collect()
        }
    }
}

fn compare(recipes: impl Strategy<Value = Recipe>) {
    let kernel = RefCell::new(Kernel::new());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 40,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let result = TestRunner::new_with_rng(config, rng).run(&recipes, |recipe| {
        let bytes = recipe.build();
        let ours = cut(&bytes);
        let theirs = kernel.borrow_mut().cut(&bytes, ours.len());
        prop_assert_eq!(ours.len(), theirs.len(), "frames, ours and the kernel's");
        for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            compare_frame(index, ours, theirs)?;
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

fn compare_frame(index: usize, ours: &[u8], theirs: &[u8]) -> Result<(), TestCaseError> {
    let (our_frame, their_frame) = (&ours[vnet::HEADER_LEN..], &theirs[vnet::HEADER_LEN..]);
    prop_assert_eq!(our_frame.len(), their_frame.len(), "length of frame {}", index);
    if let Some(at) = (0..our_frame.len()).find(|&at| our_frame[at] != their_frame[at]) {
        let around = at.saturating_sub(4)..(at + 12).min(our_frame.len());
        return Err(TestCaseError::fail(format!(
            "frame {index} differs at byte {at}: ours {:02x?}, the kernel's {:02x?}",
            &our_frame[around.clone()],
            &their_frame[around],
        )));
    }
    for bytes in [ours, theirs] {
        let header = VnetHeader::read_from_bytes(&bytes[..vnet::HEADER_LEN]).unwrap();
        prop_assert!(!header.needs_checksum());
        prop_assert_eq!(header.gso_type, gso::NONE);
    }
    Ok(())
}
