//! How is VDE's switch started?
//!
//! One `vde_switch` in a namespace of its own, and in each end's namespace a `vde_plug2tap` whose TAP is
//! that end's interface.

use super::namespace;
use super::path::{End, Path};
use super::program::{self, Program, ProgramError, Running};
use super::{DataPath, System, SystemError};
use crate::bench::shape::Shape;
use crate::bench::workload::Way;
use crate::netns;
use std::net::Ipv4Addr;
use std::path::PathBuf;

const SWITCH: Program = Program { name: "vde_switch", package: "vde2" };
const PLUG: Program = Program { name: "vde_plug2tap", package: "vde2" };

/// The largest frame's payload that it carries (`struct packet` in its `port.h`: 1518 bytes).
const MAX_MTU: u16 = 1500;
/// Ports of the switch beyond those of the ends.
const SPARE_PORTS: u16 = 2;
/// The address before those of the ends.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
const PREFIX: u8 = 24;
const END: &str = "eth0";

/// The switch and its plugs.
pub(super) struct Vde {
    middle: PathBuf,
    ends: Vec<End>,
    // In this order they are ended.
    plugs: Vec<Running>,
    switch: Running,
}

/// What it calls itself.
pub(super) fn version() -> Result<String, ProgramError> {
    SWITCH.version("--version")
}

impl Vde {
    /// Starts it with a plug in each of the shape's ends.
    pub(super) fn start(shape: &Shape, prefix: &str) -> Result<Self, SystemError> {
        SWITCH.find()?;
        if shape.mtu > MAX_MTU {
            return Err(SystemError::Unable("VDE carries no frames of an MTU above 1500"));
        }
        let middle = namespace::make(prefix)?;
        let ends = End::numbered(&middle.to_string_lossy(), ADDRESS, shape.ends);
        let socket = program::file(&format!("{prefix}.switch"));
        let mut command = SWITCH.command()?;
        command.arg("--sock").arg(&socket).arg("--numports");
        command.arg((shape.ends + SPARE_PORTS).to_string());
        let mut switch = SWITCH.start(&mut command, &middle, &format!("{prefix}.log"))?;
        switch.wait_for("control socket", || socket.join("ctl").exists())?;
        let mut plugs = Vec::new();
        for (number, end) in (1..).zip(&ends) {
            namespace::make(&format!("{prefix}-{number}"))?;
            let mut command = PLUG.command()?;
            command.arg("--sock").arg(&socket).arg(END);
            let log = format!("{prefix}-{number}.log");
            let mut plug = PLUG.start(&mut command, &end.netns, &log)?;
            plug.wait_for("interface", || namespace::has_interface(&end.netns, END))?;
            netns::run_in(&end.netns, || {
                namespace::set_up_with_mtu(END, shape.mtu, end.address, PREFIX)
            })??;
            plugs.push(plug);
        }
        Ok(Self { middle, ends, plugs, switch })
    }
}

impl DataPath for Vde {
    fn paths(&self) -> Vec<Path> {
        Path::across(System::Vde, Way::Bridged, &self.ends).into_iter().collect()
    }

    fn namespaces(&self) -> Vec<PathBuf> {
        let ends = self.ends.iter().map(|end| end.netns.clone());
        std::iter::once(self.middle.clone()).chain(ends).collect()
    }

    fn processes(&self) -> Vec<u32> {
        self.plugs.iter().chain([&self.switch]).map(Running::id).collect()
    }
}
