//! How are flows asked for?

use super::{FLOW_COUNT_PATH, FLOW_FLUSH_PATH, FLOWS_PATH, FlowCount, FlowFilter};
use crate::api::client::{Client, ClientError, LineReader};
use hyper::Method;

impl Client {
    /// Lists the flows that match: hands each on as a line of JSON without its end, a
    /// [`FlowInfo`](super::FlowInfo), until all were or `each` has enough.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn flows(&self, filter: &FlowFilter, each: LineReader<'_>) -> Result<(), ClientError> {
        self.ask_lines(Method::GET, FLOWS_PATH, &filter.to_string(), each)
    }

    /// Removes the flows that match, and hands each on. When `each` has enough, the rest stays.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn remove_flows(
        &self,
        filter: &FlowFilter,
        each: LineReader<'_>,
    ) -> Result<(), ClientError> {
        self.ask_lines(Method::DELETE, FLOWS_PATH, &filter.to_string(), each)
    }

    /// How many flows match.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn flow_count(&self, filter: &FlowFilter) -> Result<FlowCount, ClientError> {
        self.ask_about(Method::GET, FLOW_COUNT_PATH, &filter.to_string())
    }

    /// Removes all flows; says how many there were.
    ///
    /// # Errors
    /// As of [`Self::network`].
    pub fn flush_flows(&self) -> Result<FlowCount, ClientError> {
        self.ask(Method::POST, FLOW_FLUSH_PATH)
    }
}
