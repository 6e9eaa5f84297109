//! What stands at the same time?
//!
//! A stage is all workloads of one `Shape` and the networks that carry them: every system that was
//! asked for and has a way that one of them takes. It is built, measured and taken down before the next.

use super::conditions::{Absence, Standing, memory, state};
use super::settings::Settings;
use super::shape::Shape;
use super::system::namespace::congestion;
use super::system::path::Path;
use super::system::{self, DataPath, System};
use super::workload::{Way, Workload};
use std::time::Instant;

/// All workloads of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) shape: Shape,
    pub(super) workloads: Vec<Workload>,
}

/// The stages that these settings take, in the order of their first workloads.
pub(super) fn stages(settings: &Settings) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for &workload in &settings.workloads {
        let shape = workload.shape(settings.mtu);
        let key = |it: &Shape| Shape { bridged: false, routed: false, ..*it };
        let known = stages.iter().position(|stage| key(&stage.shape) == shape);
        let index = known.unwrap_or_else(|| {
            stages.push(Stage { shape, workloads: Vec::new() });
            stages.len() - 1
        });
        let stage = &mut stages[index];
        stage.shape.bridged |= !workload.way.is_routed();
        stage.shape.routed |= workload.way.is_routed();
        stage.workloads.push(workload);
    }
    stages
}

/// Does this system have a way that a workload of the stage takes?
fn takes_part(system: System, stage: &Stage) -> bool {
    stage.workloads.iter().any(|workload| carries(system, workload.way))
}

/// The systems of a stage that stand, and those that do not.
pub(super) struct Built {
    paths: Vec<(System, Box<dyn DataPath>)>,
    pub(super) standings: Vec<Standing>,
    pub(super) absences: Vec<Absence>,
}

impl Built {
    /// Starts the systems of this stage; `number` tells its namespaces from other stages'. `progress`
    /// hears of each before it is started. What does not stand is an [`Absence`].
    pub(super) fn start(
        settings: &Settings,
        stage: &Stage,
        number: usize,
        mut progress: impl FnMut(System),
    ) -> Self {
        let mut built = Self { paths: Vec::new(), standings: Vec::new(), absences: Vec::new() };
        let shape = stage.shape;
        for &system in settings.systems.iter().filter(|it| takes_part(**it, stage)) {
            progress(system);
            let began = Instant::now();
            match system::start(system, &shape, &format!("{system}{number}")) {
                Ok(path) => {
                    let setup_seconds = began.elapsed().as_secs_f64();
                    let interfaces = state(&path.namespaces());
                    let relays = matches!(system, System::Slirp | System::Pasta);
                    let first = path.namespaces().into_iter().next().filter(|_| relays);
                    let congestion = first.and_then(|netns| congestion(&netns));
                    built.standings.push(Standing {
                        system,
                        shape,
                        setup_seconds,
                        teardown_seconds: None,
                        congestion,
                        memory: None,
                        interfaces,
                    });
                    built.paths.push((system, path));
                }
                Err(error) => {
                    let missing = error.is_absent();
                    let why = error.to_string();
                    built.absences.push(Absence { system, shape, missing, why });
                }
            }
        }
        built
    }

    /// The ways that can be measured.
    pub(super) fn paths(&self) -> Vec<Path> {
        self.paths.iter().flat_map(|(_, path)| path.paths()).collect()
    }

    /// Takes all of it down; what does not end in order is told, and the rest goes on.
    pub(super) fn down(self) -> (Vec<Standing>, Vec<Absence>) {
        let Self { paths, mut standings, mut absences } = self;
        for ((system, path), standing) in paths.into_iter().zip(&mut standings) {
            standing.memory = memory(&path.processes());
            let began = Instant::now();
            match path.down() {
                Ok(()) => standing.teardown_seconds = Some(began.elapsed().as_secs_f64()),
                Err(error) => {
                    let why = format!("it does not end in order: {error}");
                    let shape = standing.shape;
                    absences.push(Absence { system, shape, missing: false, why });
                }
            }
        }
        (standings, absences)
    }
}

/// Can this way be taken over this system?
pub(super) fn carries(system: System, way: Way) -> bool {
    match system {
        System::Ours(_) | System::Loopback => true,
        System::Kernel | System::Ovs | System::OvsTso | System::Vde => way == Way::Bridged,
        System::Nftables => way.is_routed(),
        System::Slirp | System::Pasta => matches!(way, Way::Masquerade | Way::Published),
    }
}
