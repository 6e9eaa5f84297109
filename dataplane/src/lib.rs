//! map
pub mod config;
pub mod counters;
pub mod engine;
pub mod frame;
pub mod outcome;
pub mod port;
pub mod wire;
