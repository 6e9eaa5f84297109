//! How is it asked what becomes of a packet?

use super::TraceQuery;
use crate::api::client::{ClientError, NetworkClient};
use crate::api::paths;
use crate::trace::Explanation;
use hyper::Method;
use std::ops::ControlFlow;

impl NetworkClient {
    /// What would be decided about a packet.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn trace(&self, asked: &TraceQuery) -> Result<Explanation, ClientError> {
        self.client.ask(Method::GET, &self.target(paths::TRACE, &asked.to_string()))
    }

    /// Follows packets: hands on the answer's bytes, an [`Explanation`] in each line, as they come, until it
    /// ends, `each` has enough or the user presses Ctrl-C.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn follow(
        &self,
        asked: &TraceQuery,
        each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        let target = self.target(paths::TRACE, &asked.to_string());
        self.client.ask_stream(Method::GET, &target, each)
    }
}
