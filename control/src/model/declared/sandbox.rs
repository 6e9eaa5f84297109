//! Which namespaces are there to be, and who shares whose?

use super::endpoint::{self, Endpoint};
use crate::model::{Known, Problem, Refusal};
use crate::model::{NetworkName, SandboxName};
use crate::spec::{Field, SandboxSpec};
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::path::{Component, Path, PathBuf};

/// Where namespaces of a name are.
const NETNS: &str = "/run/netns";

/// A sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// `bridge`: a namespace with endpoints in networks, or none yet.
    Bridge(Bridged),
    /// `none`: a namespace of its own with nothing but `lo`.
    None,
    /// `host`: the host's own namespace.
    Host,
    /// `container:NAME`: the namespace of another sandbox.
    Container(SandboxName),
}

/// A sandbox that can have endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridged {
    /// Whose namespace it is.
    pub namespace: Namespace,
    /// The endpoints by network.
    pub endpoints: BTreeMap<NetworkName, Endpoint>,
    /// The network of the default route: one that it has an endpoint in.
    pub gateway: Option<NetworkName>,
}

/// Where a namespace comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespace {
    /// We make it, under the sandbox's name in `/run/netns`, and remove it.
    #[default]
    Made,
    /// It is there, and stays when we go: by its path.
    Path(PathBuf),
    /// It is there, and stays when we go: by a process in it.
    Pid(NonZeroU32),
}

impl Sandbox {
    /// Its endpoints by network.
    pub fn endpoints(&self) -> &BTreeMap<NetworkName, Endpoint> {
        static NO_ENDPOINTS: BTreeMap<NetworkName, Endpoint> = BTreeMap::new();
        match self {
            Self::Bridge(bridged) => &bridged.endpoints,
            Self::None | Self::Host | Self::Container(_) => &NO_ENDPOINTS,
        }
    }

    /// The network of its default route.
    pub fn gateway(&self) -> Option<&NetworkName> {
        match self {
            Self::Bridge(bridged) => bridged.gateway.as_ref(),
            Self::None | Self::Host | Self::Container(_) => None,
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made => f.write_str("a namespace of its own"),
            Self::Path(path) => write!(f, "the namespace {}", path.display()),
            Self::Pid(pid) => write!(f, "the namespace of process {pid}"),
        }
    }
}

/// What a mode says of the namespace.
enum Mode {
    Bridge,
    None,
    Host,
    Container(SandboxName),
}

/// Proves one sandbox valid in itself.
pub(super) fn new(
    name: &SandboxName,
    written: &SandboxSpec,
    networks: &BTreeMap<String, NetworkName>,
) -> Result<Sandbox, Refusal> {
    let field = Field::sandbox(name);
    let text = written.mode.as_deref().unwrap_or("bridge");
    let mode = mode(text).map_err(|problem| Refusal::new(field.clone().key("mode"), problem))?;
    let namespace = namespace(&field, written)?;
    let kind = match mode {
        Mode::Bridge => {
            let endpoints = endpoint::all(name, written, networks)?;
            let gateway = endpoint::gateway(name, written, networks)?;
            return Ok(Sandbox::Bridge(Bridged { namespace, endpoints, gateway }));
        }
        Mode::None => Sandbox::None,
        Mode::Host => Sandbox::Host,
        Mode::Container(other) => Sandbox::Container(other),
    };
    if let Some((network, _)) = written.endpoints.0.first() {
        let problem = Problem::EndpointOfMode(text.to_owned());
        return Err(Refusal::new(Field::endpoint(name, network), problem));
    }
    let given = [("namespace", written.namespace.is_some()), ("pid", written.pid.is_some())];
    match given.into_iter().find(|(_, given)| *given) {
        Some((key, _)) => {
            Err(Refusal::new(field.key(key), Problem::NamespaceOfMode(text.to_owned())))
        }
        None => Ok(kind),
    }
}

fn mode(text: &str) -> Result<Mode, Problem> {
    match text {
        "bridge" => Ok(Mode::Bridge),
        "none" => Ok(Mode::None),
        "host" => Ok(Mode::Host),
        other => match other.strip_prefix("container:") {
            Some(name) => Ok(Mode::Container(name.parse()?)),
            None => Err(Problem::Mode(other.to_owned())),
        },
    }
}

fn namespace(field: &Field, written: &SandboxSpec) -> Result<Namespace, Refusal> {
    match (&written.namespace, written.pid) {
        (None, None) => Ok(Namespace::Made),
        (Some(_), Some(_)) => Err(Refusal::new(field.clone().key("pid"), Problem::NamespaceAndPid)),
        (None, Some(pid)) => match NonZeroU32::new(pid) {
            Some(pid) => Ok(Namespace::Pid(pid)),
            None => Err(Refusal::new(field.clone().key("pid"), Problem::PidZero)),
        },
        (Some(text), None) => {
            let path = PathBuf::from(text);
            let odd = |part| matches!(part, Component::ParentDir | Component::CurDir);
            let is_plain = path.is_absolute() && !path.components().any(odd);
            if is_plain && !text.contains('\0') && !text.ends_with('/') {
                return Ok(Namespace::Path(path));
            }
            let problem = Problem::NamespacePath(text.clone());
            Err(Refusal::new(field.clone().key("namespace"), problem))
        }
    }
}

/// Does every sandbox that shares end at one that has a namespace?
pub(super) fn check_sharing(all: &BTreeMap<SandboxName, Sandbox>) -> Result<(), Refusal> {
    for first in all.keys() {
        let mut way = vec![first.clone()];
        let mut at = first;
        while let Some(Sandbox::Container(other)) = all.get(at) {
            let refuse = |problem| Err(Refusal::new(Field::sandbox(at).key("mode"), problem));
            if !all.contains_key(other) {
                let (name, known) = (other.to_string(), Known::of(all.keys()));
                return refuse(Problem::NoSandbox { name, known });
            }
            if let Some(start) = way.iter().position(|name| name == other) {
                return refuse(Problem::Cycle(way.split_off(start)));
            }
            way.push(other.clone());
            at = other;
        }
    }
    Ok(())
}

/// Has every sandbox a namespace of its own, but for those that say that they share?
pub(super) fn check_namespaces(all: &BTreeMap<SandboxName, Sandbox>) -> Result<(), Refusal> {
    let made = |name: &SandboxName| Path::new(NETNS).join(name.as_str());
    let is_made = |sandbox: &Sandbox| match sandbox {
        Sandbox::Bridge(bridged) => bridged.namespace == Namespace::Made,
        Sandbox::None => true,
        Sandbox::Host | Sandbox::Container(_) => false,
    };
    let mut paths: BTreeMap<PathBuf, &SandboxName> = all
        .iter()
        .filter(|(_, sandbox)| is_made(sandbox))
        .map(|(name, _)| (made(name), name))
        .collect();
    let mut pids = BTreeMap::new();
    for (name, sandbox) in all {
        let Sandbox::Bridge(bridged) = sandbox else { continue };
        match &bridged.namespace {
            Namespace::Made => {}
            Namespace::Path(path) => {
                if let Some(by) = paths.insert(path.clone(), name) {
                    let problem = Problem::NamespaceTaken { path: path.clone(), by: by.clone() };
                    return Err(Refusal::new(Field::sandbox(name).key("namespace"), problem));
                }
            }
            Namespace::Pid(pid) => {
                if let Some(by) = pids.insert(*pid, name) {
                    let problem = Problem::PidTaken { pid: pid.get(), by: SandboxName::clone(by) };
                    return Err(Refusal::new(Field::sandbox(name).key("pid"), problem));
                }
            }
        }
    }
    Ok(())
}
