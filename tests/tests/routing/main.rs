//! The router in a world in memory: packet stories, each in both address families.

mod endings;
mod errors;
mod filtering;
mod limits;
mod masquerade;
mod neighbours;
mod published;
mod rules;
mod segments;
