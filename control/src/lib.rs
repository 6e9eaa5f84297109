//! Tests.
pub mod addressing;
pub mod bench;
pub mod model;
pub mod netlink;
pub mod netns;
pub mod sysctl;
pub mod topology;
