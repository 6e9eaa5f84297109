//! What was seen on its way, for people and for other programs?
//!
//! * [`filter`]: which frames are wanted, in the words of pcap-filter(7).
//! * [`words`]: what happened to a frame, in plain words.
//! * [`pcapng`]: how frames are written to a file, and read back.
//!
//! The engine's end is [`dataplane::capture`].

pub mod filter;
pub mod pcapng;
pub mod words;

pub use filter::{FilterError, parse};
pub use words::Names;
