//! How is Open vSwitch's userspace datapath started?
//!
//! ```text
//!   namespace NAME:  ovsdb-server ── ovs-vswitchd ── br0 (datapath_type=netdev)
//!                                                     │  internal ports, TAPs of ovs-vswitchd
//!   namespaces NAME-1, NAME-2, …:                     eth1, eth2, … moved there
//! ```
//!
//! Its database, sockets and logs are in the private `/run`. `userspace-tso-enable` has to be set before
//! the switch starts (`ovs-vswitchd.conf.db(5)`), so it is written to the database first, for both kinds.
//!
//! Limit: of a port in another namespace it cannot ask the MTU, and reads 1,500 bytes of a frame then, or
//! super-frames with TSO (`netdev_linux_rxq_recv` in its `lib/netdev-linux.c`): larger MTUs carry nothing.
//!
//! Source: `Documentation/topics/userspace-tso.rst`, `Documentation/intro/install/userspace.rst`.

use super::namespace;
use super::path::{End, Path};
use super::program::{self, Program, ProgramError, Running};
use super::{DataPath, System, SystemError};
use crate::bench::shape::Shape;
use crate::bench::workload::Way;
use crate::netlink::{Netlink, NetlinkError};
use crate::netns;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::PathBuf;

const PACKAGE: &str = "openvswitch-switch";
const SWITCH: Program = Program { name: "ovs-vswitchd", package: PACKAGE };
const SERVER: Program = Program { name: "ovsdb-server", package: PACKAGE };
const TOOL: Program = Program { name: "ovsdb-tool", package: PACKAGE };
const CONTROL: Program = Program { name: "ovs-vsctl", package: PACKAGE };

/// The database's schema, as the packages of Debian and Fedora have it.
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
/// The address before those of the ends.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 97, 0, 1);
const PREFIX: u8 = 24;
const BRIDGE: &str = "br0";
/// The largest MTUs that it carries between namespaces.
const MAX_MTU: u16 = 1500;
const MAX_MTU_TSO: u16 = 9000;

/// Does the switch pass on super-frames?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tso {
    /// No, which is the default.
    Off,
    /// Yes, which is experimental.
    On,
}

/// The switch, its database and its ports.
pub(super) struct Ovs {
    system: System,
    middle: PathBuf,
    ends: Vec<End>,
    // In this order they are ended.
    switch: Running,
    _server: Running,
}

/// What it calls itself.
pub(super) fn version() -> Result<String, ProgramError> {
    let said = SWITCH.version("--version")?;
    Ok(said.replace("ovs-vswitchd (Open vSwitch)", "Open vSwitch"))
}

/// Where its files are, of one instance.
struct Files {
    name: String,
}

impl Files {
    fn path(&self, suffix: &str) -> PathBuf {
        program::file(&format!("{}.{suffix}", self.name))
    }

    /// The option or argument `text` with the file behind it.
    fn argument(&self, text: &str, suffix: &str) -> OsString {
        let mut argument = OsString::from(text);
        argument.push(self.path(suffix));
        argument
    }
}

impl Ovs {
    /// Starts it with a port in each of the shape's ends.
    pub(super) fn start(shape: &Shape, prefix: &str, tso: Tso) -> Result<Self, SystemError> {
        SWITCH.find()?;
        check_mtu(shape.mtu, tso)?;
        let files = Files { name: prefix.to_owned() };
        let middle = namespace::make(prefix)?;
        let ends = End::numbered(&middle.to_string_lossy(), ADDRESS, shape.ends);
        for number in 1..=ends.len() {
            namespace::make(&format!("{prefix}-{number}"))?;
        }
        let server = start_server(&files, &middle)?;
        set_up_database(&files, tso)?;
        let mut command = SWITCH.command()?;
        command
            .arg(files.argument("unix:", "db"))
            .arg(files.argument("--unixctl=", "switch-control"))
            .args(["--no-chdir", "--log-file=/dev/null"])
            .env("OVS_RUNDIR", program::FOLDER)
            .env("OVS_LOGDIR", program::FOLDER);
        let mut switch = SWITCH.start(&mut command, &middle, &format!("{prefix}.switch-log"))?;
        let control = files.path("switch-control");
        switch.wait_for("control socket", || control.exists())?;
        // Waits itself until the switch has made them.
        CONTROL.run(control_command(&files)?.args(ports(shape)), None)?;
        for (number, end) in (1..).zip(&ends) {
            let name = format!("eth{number}");
            switch.wait_for("port", || namespace::has_interface(&middle, &name))?;
            let file = namespace::open(&end.netns)?;
            netns::run_in(&middle, || -> Result<(), NetlinkError> {
                let mut netlink = Netlink::open()?;
                let link = netlink.link(&name)?;
                netlink.move_link(&link, file.as_fd())
            })??;
            netns::run_in(&end.netns, || {
                namespace::set_up_with_mtu(&name, shape.mtu, end.address, PREFIX)
            })??;
        }
        let system = if tso == Tso::On { System::OvsTso } else { System::Ovs };
        Ok(Self { system, middle, ends, switch, _server: server })
    }
}

fn check_mtu(mtu: u16, tso: Tso) -> Result<(), SystemError> {
    match tso {
        Tso::Off if mtu > MAX_MTU => Err(SystemError::Unable(
            "Open vSwitch reads no frames of an MTU above 1500 from ports in other namespaces",
        )),
        Tso::On if mtu > MAX_MTU_TSO => Err(SystemError::Unable(
            "Open vSwitch with TSO reads no frames of an MTU above 9000 from ports in other namespaces",
        )),
        _ => Ok(()),
    }
}

fn start_server(files: &Files, middle: &std::path::Path) -> Result<Running, SystemError> {
    std::fs::create_dir_all(program::FOLDER)
        .map_err(|source| ProgramError::Run { program: SERVER.name, source })?;
    let database = files.path("conf");
    TOOL.run(TOOL.command()?.arg("create").arg(&database).arg(SCHEMA), None)?;
    let mut command = SERVER.command()?;
    command
        .arg(&database)
        .arg(files.argument("--remote=punix:", "db"))
        .arg(files.argument("--unixctl=", "server-control"))
        .args(["--no-chdir", "--log-file=/dev/null"])
        .env("OVS_RUNDIR", program::FOLDER)
        .env("OVS_LOGDIR", program::FOLDER);
    let mut server = SERVER.start(&mut command, middle, &format!("{}.server-log", files.name))?;
    let socket = files.path("db");
    server.wait_for("socket", || socket.exists())?;
    Ok(server)
}

fn set_up_database(files: &Files, tso: Tso) -> Result<(), SystemError> {
    let enable = format!("other_config:userspace-tso-enable={}", tso == Tso::On);
    let mut command = control_command(files)?;
    command.args(["--no-wait", "init", "--", "set", "Open_vSwitch", ".", &enable]);
    CONTROL.run(&mut command, None)?;
    Ok(())
}

fn control_command(files: &Files) -> Result<std::process::Command, ProgramError> {
    let mut command = CONTROL.command()?;
    command.arg(files.argument("--db=unix:", "db")).arg("--timeout=20");
    Ok(command)
}

/// The words that make the bridge and its ports, in one transaction.
fn ports(shape: &Shape) -> Vec<String> {
    let mut text = format!("add-br {BRIDGE} -- set bridge {BRIDGE} datapath_type=netdev");
    for number in 1..=shape.ends {
        text.push_str(&format!(
            " -- add-port {BRIDGE} eth{number} -- set interface eth{number} type=internal \
             mtu_request={}",
            shape.mtu
        ));
    }
    text.split(' ').map(str::to_owned).collect()
}

impl DataPath for Ovs {
    fn paths(&self) -> Vec<Path> {
        Path::across(self.system, Way::Bridged, &self.ends).into_iter().collect()
    }

    fn namespaces(&self) -> Vec<PathBuf> {
        let ends = self.ends.iter().map(|end| end.netns.clone());
        std::iter::once(self.middle.clone()).chain(ends).collect()
    }

    fn processes(&self) -> Vec<u32> {
        vec![self.switch.id()]
    }
}
