//! What can be said about the way out, translation and connection tracking?
//!
//! Only the form is checked here; whether it makes sense is [`crate::model`]'s to say.

use crate::model::{Profile, RouterRequest, UplinkKind};
use clap::{Args, ValueEnum};
use dataplane::config::{ConntrackConfig, Filtering};
use std::net::IpAddr;

/// Options of `up` for the router.
#[derive(Debug, Args)]
pub(super) struct RouterOptions {
    /// How the network reaches the outside [default: route as root, none otherwise]
    #[arg(long, value_name = "KIND", value_enum)]
    uplink: Option<Uplink>,
    /// Address of this host to go out under; can be given several times [default: the one that the
    /// host would choose]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    snat: Vec<IpAddr>,
    /// Ports to translate to [default: 61000-65534, or others if a network has those]
    #[arg(long, value_name = "A-B", allow_negative_numbers = true)]
    nat_ports: Option<String>,
    /// Who outside may send to a port that was translated to [default: address-and-port]
    #[arg(long, value_name = "WHO", value_enum)]
    nat_filtering: Option<Who>,
    /// Most connections that are tracked
    #[arg(long, value_name = "N", value_parser = super::values::whole::<usize>)]
    #[arg(default_value_t = ConntrackConfig::DEFAULT_LIMIT, allow_negative_numbers = true)]
    conntrack_max: usize,
    /// Most of them that one port may have begun [default: a quarter]
    #[arg(long, value_name = "N", value_parser = super::values::whole::<usize>)]
    #[arg(allow_negative_numbers = true)]
    conntrack_port_max: Option<usize>,
    /// Timeouts as the kernel has them, or as the RFCs ask
    #[arg(long, value_name = "PROFILE", value_enum, default_value_t = Timeouts::Linux)]
    conntrack_profile: Timeouts,
    /// A timeout of its own, like udp=30; can be given several times, each timeout once
    #[arg(long, value_name = "NAME=SECONDS")]
    conntrack_timeout: Vec<String>,
    /// Pick up TCP connections in their middle
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set, default_value_t = true)]
    conntrack_loose: bool,
    /// Let TCP segments outside of the window pass
    #[arg(long)]
    conntrack_liberal: bool,
    /// Read FTP's control connections for the data connections that they announce
    #[arg(long)]
    ftp: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Uplink {
    Route,
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Who {
    EndpointIndependent,
    Address,
    AddressAndPort,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Timeouts {
    Linux,
    Rfc,
}

/// The text is no IP address.
#[derive(Debug, thiserror::Error)]
#[error("this is no IP address; write it like 192.0.2.1 or 2001:db8::1")]
struct AddressError;

fn address(text: &str) -> Result<IpAddr, AddressError> {
    text.parse().map_err(|_| AddressError)
}

impl RouterOptions {
    /// The same for the model.
    pub(super) fn request(&self) -> RouterRequest {
        RouterRequest {
            uplink: self.uplink.map(|kind| match kind {
                Uplink::Route => UplinkKind::Route,
                Uplink::None => UplinkKind::None,
            }),
            snat: self.snat.clone(),
            nat_ports: self.nat_ports.clone(),
            filtering: self.nat_filtering.map(|who| match who {
                Who::EndpointIndependent => Filtering::EndpointIndependent,
                Who::Address => Filtering::Address,
                Who::AddressAndPort => Filtering::AddressAndPort,
            }),
            conntrack_max: self.conntrack_max,
            conntrack_port_max: self.conntrack_port_max,
            profile: match self.conntrack_profile {
                Timeouts::Linux => Profile::Linux,
                Timeouts::Rfc => Profile::Rfc,
            },
            timeouts: self.conntrack_timeout.clone(),
            loose: self.conntrack_loose,
            liberal: self.conntrack_liberal,
            ftp: self.ftp,
        }
    }
}
