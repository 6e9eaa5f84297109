//! How are frames asked for?

use super::CaptureQuery;
use crate::api::client::{ClientError, NetworkClient};
use crate::api::paths;
use hyper::Method;
use std::ops::ControlFlow;

impl NetworkClient {
    /// Watches frames: hands on the answer's bytes as they come, until it ends, `each` has enough or the
    /// user presses Ctrl-C.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn capture(
        &self,
        asked: &CaptureQuery,
        each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        let target = self.target(paths::CAPTURE, &asked.to_string());
        self.client.ask_stream(Method::GET, &target, each)
    }
}
