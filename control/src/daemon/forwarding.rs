//! Who runs the engine?
//!
//! A thread of its own named `dataplane`. Its end is seen whatever the reason, a panic included: the
//! sender that it holds is dropped then.

use super::{EndError, StartError};
use dataplane::config::Config;
use dataplane::engine::{Engine, Handle};
use dataplane::port::Port;
use std::any::Any;
use std::io;
use std::thread::{self, JoinHandle};
use tokio::sync::watch;

/// The running engine.
pub(super) struct Forwarding {
    thread: JoinHandle<io::Result<()>>,
    handle: Handle,
    alive: watch::Receiver<()>,
}

impl Forwarding {
    /// Starts the engine with these ports.
    pub(super) fn start(config: Config, ports: Vec<Box<dyn Port>>) -> Result<Self, StartError> {
        let (engine, handle) = Engine::new(config, ports).map_err(StartError::Engine)?;
        let (sender, alive) = watch::channel(());
        let thread = thread::Builder::new()
            .name("dataplane".to_owned())
            .spawn(move || {
                let _dropped_at_the_end = sender;
                engine.run()
            })
            .map_err(StartError::Engine)?;
        Ok(Self { thread, handle, alive })
    }

    /// The way to talk to the engine.
    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits for the engine's end.
    pub(super) async fn ended(&self) {
        let mut alive = self.alive.clone();
        while alive.changed().await.is_ok() {}
    }

    /// Ends the engine and waits for it.
    pub(super) fn stop(self) -> Result<(), EndError> {
        self.handle.stop();
        match self.thread.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(EndError::Engine(error)),
            Err(payload) => Err(EndError::EnginePanicked(words(payload.as_ref()))),
        }
    }
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
