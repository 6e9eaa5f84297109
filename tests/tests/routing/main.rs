//! The router in a world in memory: packet stories, each in both address families.

mod ftp;
mod masquerade;
mod published;
