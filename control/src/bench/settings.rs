//! What is to be measured, once it was found possible?

use super::system::System;
use super::workload::Workload;
use serde::{Deserialize, Serialize};

/// Options that were found possible.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How often each workload is measured on each system.
    pub rounds: u32,
    /// How long each measurement takes.
    pub seconds: f64,
    /// How long traffic flows before it.
    pub warm_up: f64,
    /// How long all of it may take; `seconds` is fitted to it.
    pub budget: Option<f64>,
    /// MTU of every interface.
    pub mtu: u16,
    /// What is measured, in this order.
    pub workloads: Vec<Workload>,
    /// On which systems, if they are there.
    pub systems: Vec<System>,
    /// Even if the machine is busy.
    pub noisy: bool,
}
