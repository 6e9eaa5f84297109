//! Ports given to workers and taken back, in every order of events: the model checker's part.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p udp-bridge-dataplane --lib -- counters::model lending_model`.

use super::lending::{Lending, Stock};
use super::slots::Slots;
use crate::config::{PortConfig, PortLimits};
use crate::frame::FrameBuffer;
use crate::outcome::{DropReason, PortId};
use crate::port::{Offloads, Port, Received};
use crate::wire::ethernet::MacAddr;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::sync::mpsc::{Receiver, Sender, channel};
use loom::sync::{Arc, Mutex};
use loom::thread;
use std::os::fd::RawFd;

const ID: PortId = PortId(0);

/// A port whose device counts what is written, and is closed with its last twin.
struct Twin(Arc<AtomicUsize>);

impl Port for Twin {
    fn receive(&mut self, _: &mut FrameBuffer) -> Received {
        Received::Empty
    }
    fn send(&mut self, _: &[u8]) -> Result<(), DropReason> {
        self.0.fetch_add(1, Relaxed);
        Ok(())
    }
    fn offloads(&self) -> Offloads {
        Offloads::ALL
    }
    fn fd(&self) -> Option<RawFd> {
        None
    }
}

fn config() -> PortConfig {
    PortConfig {
        name: "one".to_owned(),
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        mtu: 1500,
        isolated: false,
        check_source: false,
        limits: PortLimits::NONE,
    }
}

fn twins(device: &Arc<AtomicUsize>) -> Vec<Box<dyn Port>> {
    (0..2).map(|_| Box::new(Twin(Arc::clone(device))) as Box<dyn Port>).collect()
}

/// Takes note of what has changed, as a worker does that comes to the tables.
fn catch_up(stock: &mut Stock, slots: &mut Slots) {
    if stock.is_behind(slots) {
        stock.catch_up(slots);
    }
}

/// A frame is for the port: decided with the tables in hand, written without. True if it was written.
fn pass(stock: &mut Stock, tables: &Mutex<Slots>) -> bool {
    let mut slots = tables.lock().unwrap();
    catch_up(stock, &mut slots);
    let goes = slots.there(ID).is_some();
    drop(slots);
    if goes {
        let (ports, _) = stock.split();
        ports[ID.index()].port.as_mut().expect("what was decided can be done").send(&[]).unwrap();
    }
    goes
}

/// A worker that has a frame and then is asked to catch up.
fn worker(number: usize, tables: &Mutex<Slots>, asked: &Receiver<()>, reply: &Sender<usize>) {
    let mut stock = Stock::new(number, 2);
    let written = usize::from(pass(&mut stock, tables));
    asked.recv().unwrap();
    catch_up(&mut stock, &mut tables.lock().unwrap());
    reply.send(written).unwrap();
    // It lives on; what it holds must not be what was taken out.
    asked.recv().unwrap();
}

#[test]
fn nobody_holds_or_writes_to_a_port_that_was_taken_out_once_all_have_caught_up() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let device = Arc::new(AtomicUsize::new(0));
        let mut slots = Slots::new(&[config()], vec![Box::new(Twin(Arc::clone(&device)))]);
        slots.lending = Some(Lending::new(vec![twins(&device)], Vec::new()));
        let tables = Arc::new(Mutex::new(slots));
        let lines: Vec<_> = (0..2)
            .map(|number| {
                let (ask, asked) = channel();
                let (reply, replied) = channel();
                let tables = Arc::clone(&tables);
                let thread = thread::spawn(move || worker(number, &tables, &asked, &reply));
                (ask, replied, thread)
            })
            .collect();
        let port = tables.lock().unwrap().take(ID).unwrap();
        lines.iter().for_each(|(ask, ..)| ask.send(()).unwrap());
        let written: usize = lines.iter().map(|(_, replied, _)| replied.recv().unwrap()).sum();
        drop(port);
        assert_eq!(Arc::strong_count(&device), 1, "nobody has it any more");
        assert_eq!(device.load(Relaxed), written, "nobody is writing to it any more");
        lines.iter().for_each(|(ask, ..)| ask.send(()).unwrap());
        lines.into_iter().for_each(|(.., thread)| thread.join().unwrap());
    });
}

#[test]
fn what_goes_to_a_port_that_came_in_anothers_place_goes_to_that() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let [old, new] = [0, 1].map(|_| Arc::new(AtomicUsize::new(0)));
        let mut slots = Slots::new(&[config()], vec![Box::new(Twin(Arc::clone(&old)))]);
        slots.lending = Some(Lending::new(vec![twins(&old)], Vec::new()));
        let tables = Arc::new(Mutex::new(slots));
        let ours = Arc::clone(&tables);
        let thread = thread::spawn(move || {
            let mut stock = Stock::new(1, 2);
            (0..2).filter(|_| pass(&mut stock, &ours)).count()
        });
        drop(tables.lock().unwrap().take(ID));
        let port = Box::new(Twin(Arc::clone(&new)));
        tables.lock().unwrap().put(ID, &config(), port, twins(&new));
        let before = old.load(Relaxed);
        let written = thread.join().unwrap();
        assert_eq!(old.load(Relaxed) + new.load(Relaxed), written);
        assert!(old.load(Relaxed) - before <= 1, "but for a frame on its way");
    });
}
