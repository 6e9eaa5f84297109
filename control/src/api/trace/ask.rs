//! How is it asked what becomes of a packet?

use super::{TRACE_PATH, TraceQuery};
use crate::api::client::{Client, ClientError};
use crate::trace::Explanation;
use hyper::Method;
use std::ops::ControlFlow;

impl Client {
    /// What would be decided about a packet.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn trace(&self, asked: &TraceQuery) -> Result<Explanation, ClientError> {
        self.ask_about(Method::GET, TRACE_PATH, &asked.to_string())
    }

    /// Follows packets: hands on the answer's bytes, an [`Explanation`] in each line, as they come, until it
    /// ends, `each` has enough or the user presses Ctrl-C.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn follow(
        &self,
        asked: &TraceQuery,
        each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        self.ask_stream(Method::GET, TRACE_PATH, &asked.to_string(), each)
    }
}
