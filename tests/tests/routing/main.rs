//! The router in a world in memory: packet stories, each in both address families.

mod capture;
mod conservation;
mod departure;
mod endings;
mod errors;
mod explain;
mod filtering;
mod fragments;
mod ftp;
mod intruders;
mod limits;
mod live;
mod masquerade;
mod model;
mod neighbours;
mod networks;
mod port_limits;
mod published;
mod reconfigure;
mod rules;
mod segments;
mod withdrawn;
