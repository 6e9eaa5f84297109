//! The router in a world in memory: packet stories, each in both address families.

mod capture;
mod conservation;
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
mod published;
mod reconfigure;
mod rules;
mod segments;
