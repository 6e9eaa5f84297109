//! What stands, of all that could be measured?
//!
//! Only what a workload asks for is built: the bridges that route nothing, those that do, or both.

use super::BenchError;
use super::kernel::{self, KernelError};
use super::options::Settings;
use super::ours::Ours;
use super::path::Path;

/// All networks of one run, ours and the kernel's.
pub(super) struct Topology {
    ours: Vec<Ours>,
    kernel: Vec<Path>,
    kernel_missing: Vec<String>,
}

impl Topology {
    /// Builds what these settings take, in the calling thread's namespace and in new ones.
    ///
    /// # Errors
    /// The first thing that cannot be built. A kernel that has no such thing is no error.
    pub(super) fn build(settings: &Settings) -> Result<Self, BenchError> {
        let mut topology =
            Self { ours: Vec::new(), kernel: Vec::new(), kernel_missing: Vec::new() };
        let needed = |routed| settings.workloads.iter().any(|it| it.way.is_routed() == routed);
        if needed(false) {
            topology.ours.push(Ours::plain(settings.mtu)?);
            topology.compare_with(kernel::build(settings.mtu).map(|path| [path]))?;
        }
        if needed(true) {
            topology.ours.push(Ours::routed(settings.mtu)?);
            topology.compare_with(kernel::routed::build(settings.mtu))?;
        }
        Ok(topology)
    }

    /// Takes the kernel's paths, or the reason why there are none.
    fn compare_with<const N: usize>(
        &mut self,
        built: Result<[Path; N], KernelError>,
    ) -> Result<(), BenchError> {
        match built {
            Ok(paths) => self.kernel.extend(paths),
            Err(error) if error.is_missing() => {
                let why = error.to_string();
                if !self.kernel_missing.contains(&why) {
                    self.kernel_missing.push(why);
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The ways that can be measured, ours before the kernel's.
    pub(super) fn paths(&self) -> Vec<Path> {
        self.ours.iter().flat_map(Ours::paths).chain(&self.kernel).cloned().collect()
    }

    /// The offloads that our ports were granted; the same in all our networks.
    pub(super) fn offloads(&self) -> Result<Vec<String>, BenchError> {
        Ok(self.ours.first().map(Ours::offloads).transpose()?.unwrap_or_default())
    }

    /// Takes our networks down; gives why the kernel was not measured, where it was not.
    pub(super) fn down(self) -> Result<Vec<String>, BenchError> {
        self.ours.into_iter().try_for_each(Ours::down)?;
        Ok(self.kernel_missing)
    }
}
