//! How are flows asked for?

use super::{FlowCount, FlowFilter};
use crate::api::client::{ClientError, LineReader, NetworkClient};
use crate::api::paths;
use hyper::Method;

impl NetworkClient {
    /// Lists the flows that match: hands each on as a line of JSON without its end, a
    /// [`FlowInfo`](super::FlowInfo), until all were or `each` has enough.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn flows(&self, filter: &FlowFilter, each: LineReader<'_>) -> Result<(), ClientError> {
        let target = self.target(paths::FLOWS, &filter.to_string());
        self.client.ask_lines(Method::GET, &target, each)
    }

    /// Removes the flows that match, and hands each on. When `each` has enough, the rest stays.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn remove_flows(
        &self,
        filter: &FlowFilter,
        each: LineReader<'_>,
    ) -> Result<(), ClientError> {
        let target = self.target(paths::FLOWS, &filter.to_string());
        self.client.ask_lines(Method::DELETE, &target, each)
    }

    /// How many flows match.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn flow_count(&self, filter: &FlowFilter) -> Result<FlowCount, ClientError> {
        self.client.ask(Method::GET, &self.target(paths::FLOW_COUNT, &filter.to_string()))
    }

    /// Removes all flows; says how many there were.
    ///
    /// # Errors
    /// As of [`Self::info`].
    pub fn flush_flows(&self) -> Result<FlowCount, ClientError> {
        self.ask(Method::POST, paths::FLOW_FLUSH)
    }
}
