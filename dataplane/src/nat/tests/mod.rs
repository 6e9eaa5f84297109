//! Leases against a slow model; rewriting against packets that etherparse builds from scratch.

mod adjusting;
mod leases;
mod packets;
mod rewriting;
