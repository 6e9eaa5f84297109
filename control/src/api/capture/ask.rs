//! How are frames asked for?

use super::{CAPTURE_PATH, CaptureQuery};
use crate::api::client::{Client, ClientError};
use hyper::Method;
use std::ops::ControlFlow;

impl Client {
    /// Watches frames: hands on the answer's bytes as they come, until it ends, `each` has enough or the
    /// user presses Ctrl-C.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn capture(
        &self,
        asked: &CaptureQuery,
        each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        self.ask_stream(Method::GET, CAPTURE_PATH, &asked.to_string(), each)
    }
}
