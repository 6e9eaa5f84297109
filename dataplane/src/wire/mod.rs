pub mod ethernet;
pub mod vnet;
