//! The switch in a world in memory: packet stories, each with exactly the counters that it moves.

mod conservation;
mod egress;
mod endings;
mod flooding;
mod learning;
mod limits;
mod live;
mod port_limits;
mod settings;
