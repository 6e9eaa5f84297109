//! How is a plan carried out?
//!
//! Step by step; if one fails, what it has done is undone, and then those before it, last first.

use super::error::{ChangeError, StepFailure};
use super::held::Held;
use super::network::Look;
use crate::daemon::networks::Networks;
use crate::model::{NetworkName, Written};
use crate::plan::{NetworkChange, Step};
use crate::publish::Reserved;
use crate::topology::close_together;
use dataplane::port::Port;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What each network is to publish in the end, by its text.
pub(super) type Published = BTreeMap<NetworkName, BTreeMap<String, Written>>;

/// What is changed, and with what.
pub(super) struct Run<'a> {
    pub(super) networks: &'a Arc<Networks>,
    pub(super) held: &'a mut Held,
    /// The sockets of what is to be published, by its text.
    pub(super) reserved: BTreeMap<String, Reserved>,
    /// `None` while things become what they were.
    pub(super) published: Option<&'a Published>,
    /// Ports whose interfaces are still to be removed: many go as fast as one.
    pub(super) closing: Vec<Box<dyn Port>>,
    /// Do all networks know of each other?
    told: bool,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        networks: &'a Arc<Networks>,
        held: &'a mut Held,
        reserved: Vec<Reserved>,
        published: &'a Published,
    ) -> Self {
        let reserved = reserved.into_iter().map(|one| (one.written().to_string(), one)).collect();
        Self {
            networks,
            held,
            reserved,
            published: Some(published),
            closing: Vec::new(),
            told: true,
        }
    }

    /// Does all of it or nothing.
    pub(super) fn steps(&mut self, steps: &[Step]) -> Result<(), ChangeError> {
        for (done, step) in steps.iter().enumerate() {
            if let Err(source) = self.step(step) {
                let undo = self.undo(&steps[..done]);
                let (step, source) = (step.to_string(), Box::new(source));
                return Err(ChangeError::Step { step, source, done, undo });
            }
        }
        self.close();
        self.tell_all();
        Ok(())
    }

    fn undo(&mut self, done: &[Step]) -> Vec<String> {
        self.published = None;
        let mut errors = Vec::new();
        for step in done.iter().rev().map(|step| step.clone().inverse()) {
            if let Err(error) = self.step(&step) {
                errors.push(format!("{step}: {error}"));
            }
        }
        self.close();
        self.tell_all();
        errors
    }

    /// Does one step whole or not at all, and notes it.
    fn step(&mut self, step: &Step) -> Result<(), StepFailure> {
        if !matches!(step, Step::RemoveEndpoint(..)) {
            self.close();
        }
        // Nobody is in a network that others do not know yet, to whom it would be the outside.
        if matches!(step, Step::CreateEndpoint(..)) {
            self.tell_all();
        }
        // What leads between two of them is the host's when both are there, and their ways.
        self.told &= !matches!(
            step,
            Step::CreateNetwork(..) | Step::RemoveNetwork(..) | Step::CreateWay(..)
        );
        self.held.state.take(step)?;
        let Err(error) = self.carry_out(step) else { return Ok(()) };
        match self.take_back(step) {
            Ok(()) => Err(error),
            Err(undo) => {
                let (error, undo) = (Box::new(error), Box::new(undo));
                Err(StepFailure::Undo { error, undo })
            }
        }
    }

    /// Removes the interfaces that are to go, before anything else takes their place.
    fn close(&mut self) {
        close_together(std::mem::take(&mut self.closing));
    }

    /// Lets all networks know of each other, unless they do.
    fn tell_all(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            self.networks.tell_all();
        }
    }

    /// Undoes what was done of a step that has failed.
    fn take_back(&mut self, step: &Step) -> Result<(), StepFailure> {
        if let (Step::RemoveNetwork(name, _), None) = (step, self.published) {
            // It is gone, and something of it is left. Nobody wanted it in the first place.
            self.held.networks.remove(name);
            return Ok(());
        }
        let inverse = step.clone().inverse();
        self.held.state.take(&inverse)?;
        match step {
            // Of several parts, each of which does nothing where nothing is to be done.
            Step::CreateWay(..)
            | Step::RemoveWay(..)
            | Step::RemoveNetwork(..)
            | Step::RemoveEndpoint(..)
            | Step::ChangeNetwork(_, NetworkChange::Internal(_))
            | Step::ChangeGateway(..) => {
                self.published = None;
                self.carry_out(&inverse)
            }
            Step::Publish(network, written) => {
                let (living, numbers, before) = self.kept(network)?;
                living.settle(before, numbers, Look::AtHost)?;
                living.disclaim(written)
            }
            Step::Unpublish(network, written) => {
                let (living, numbers, before) = self.kept(network)?;
                living.reclaim(written, before, numbers)
            }
            // What is beside the network's state is undone by who does it.
            Step::CreateEndpoint(network, ..)
            | Step::ChangeNetwork(network, _)
            | Step::ChangeEndpoint(network, ..) => {
                let (living, numbers, before) = self.kept(network)?;
                living.settle(before, numbers, Look::AtHost)
            }
            // Of one part.
            Step::CreateNetwork(..)
            | Step::CreateSandbox(..)
            | Step::RemoveSandbox(..)
            | Step::AddFixed(..)
            | Step::RemoveFixed(..) => Ok(()),
        }
    }
}
