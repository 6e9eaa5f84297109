//! The same as of one worker, by three of them.

#[path = "engine/main.rs"]
mod engine;
