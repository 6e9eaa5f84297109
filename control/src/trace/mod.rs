//! What would become of a packet, and why?
//!
//! * [`described`]: the packet that somebody describes, as a frame that could come in.
//! * [`steps`]: what was decided about a frame, stage by stage, in plain words.
//!
//! What is decided, the engine says: [`dataplane::pipeline::story`].

pub mod described;
pub mod steps;

pub use described::{Described, DescribedError, Who};
pub use steps::{Explanation, Step};
