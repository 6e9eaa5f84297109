//! How a running network is looked into: what is captured, and what is explained.

use super::handle::{EngineStopped, Handle};
use super::witness::CapturesFull;
use crate::capture::{self, Catch, Spec};
use crate::config::MAX_PORTS;
use crate::outcome::{DropReason, PortId};
use crate::pipeline::Story;

/// Why nothing is captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The engine is gone.
    #[error(transparent)]
    Stopped(#[from] EngineStopped),
    /// There are as many as there may be.
    #[error(transparent)]
    Full(#[from] CapturesFull),
}

impl Handle {
    /// Begins a capture, with the next frame after this has returned at the latest. It ends when the catch
    /// is dropped, when the one port that it is of is taken out, or if it is not read for [`capture::STALL`] while its rings are full.
    ///
    /// # Errors
    /// [`CaptureError`].
    pub fn capture(&self, spec: Spec) -> Result<Catch, CaptureError> {
        let (capture, catch) = capture::begin(spec, MAX_PORTS);
        self.forwarder(move |forwarder, now| forwarder.capture(capture, now))??;
        Ok(catch)
    }

    /// Ends all captures; what was seen by then can still be read.
    pub fn end_captures(&self) {
        // An engine that is gone captures nothing.
        let _ = self.forwarder(|forwarder, _| forwarder.end_captures());
    }

    /// What would be decided about a frame that came in by `ingress` now, a virtio header and what
    /// follows it. Nothing changes; the path waits while the tables of the frame's family are copied.
    ///
    /// # Errors
    /// [`EngineStopped`]; inside, the reason of a frame that does not parse, or `EgressGone` if there is no
    /// such port, or it is gone.
    pub fn explain(
        &self,
        ingress: PortId,
        mut bytes: Vec<u8>,
    ) -> Result<Result<Story, DropReason>, EngineStopped> {
        self.stages(move |pipeline, now| {
            if !pipeline.switch.has_port(ingress) {
                return Err(DropReason::EgressGone);
            }
            pipeline.explain(ingress, &mut bytes, now)
        })
    }
}
