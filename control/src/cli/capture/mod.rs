//! `udp-bridge capture`: frames as they come and go.
//!
//! As a file, to standard output as one (`-w -`), or a line for each frame. What is written is whole
//! blocks only, however it ends. A file that there is stays as it is until the first of them has come.

mod blocks;
mod line;

use super::apply::ask;
use super::exit::CliError;
use super::known::Known;
use super::output::OutputError;
use super::watched::{Watched, find};
use crate::api::capture::{CaptureQuery, NICE};
use crate::capture::pcapng::{self, Block, Malformed};
use blocks::Blocks;
use clap::Args;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Options of `capture`.
#[derive(Debug, Args)]
#[command(after_help = "\
FILTER is made of host ADDRESS, net PREFIX, port NUMBER, each with src or dst before it if wanted; of tcp, \
udp, icmp, icmp6, arp, ip, ip6; and of and, or, not and parentheses, with the meaning that tcpdump gives \
them. A frame is seen where it comes in and where it goes out; each time as it is there.")]
pub(super) struct Options {
    /// The port: its name like ub0-1 or its number; all ports with `all`
    port: String,
    /// Which frames: words as tcpdump has them, like `tcp port 80`
    filter: Vec<String>,
    /// The network; when left out, the one that has the port
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// Write pcapng to this file; `-` for standard output
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    write: Option<PathBuf>,
    /// End after so many frames
    #[arg(short = 'c', long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// Why frames cannot be shown or kept.
#[derive(Debug, thiserror::Error)]
pub enum CaptureFailure {
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// What comes makes no sense.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Shows or keeps frames until the end.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let mut query =
        CaptureQuery { port: None, filter: options.filter.join(" "), count: options.count };
    query.parsed_filter()?;
    // Like the network's own part of it, this yields to the frames that are seen.
    let _ = rustix::process::setpriority_process(None, NICE);
    let known = Known::look()?;
    let Watched { client, port } = find(&known, options.network.as_deref(), &options.port)?;
    query.port = port;
    let mut sink = Sink::new(options.write.as_deref());
    let mut taken = Taken::default();
    let mut blocks = Blocks::default();
    let mut end = Ok(());
    let asked = client.capture(&query, &mut |bytes| {
        let mut each = |bytes: &[u8], block: Block<'_>| {
            taken.note(block);
            sink.take(bytes, block)
        };
        end = blocks.take(bytes, &mut each).and_then(|()| sink.flush());
        if end.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let end = end.and_then(|()| sink.finish(&taken));
    if taken.has_begun() {
        taken.tell();
    }
    match end {
        // Who reads no more has seen enough.
        Err(Stop::NoReader) => Ok(()),
        Err(Stop::Failed(error)) => Err(*error),
        Ok(()) => ask(asked),
    }
}

/// Why no more is taken.
enum Stop {
    NoReader,
    Failed(Box<CliError>),
}

impl<T: Into<CliError>> From<T> for Stop {
    fn from(error: T) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

/// How much there was.
#[derive(Debug, Default)]
struct Taken {
    frames: u64,
    missed: Vec<u64>,
    /// When the last one was seen.
    stamp: u64,
    /// The network has told what was missed in all.
    is_told: bool,
}

impl Taken {
    fn note(&mut self, block: Block<'_>) {
        self.is_told = matches!(block, Block::Missed(..));
        match block {
            Block::Interface(_) => self.missed.push(0),
            Block::Packet { stamp, .. } => (self.frames, self.stamp) = (self.frames + 1, stamp),
            Block::Missed(interface, missed) => {
                if let Some(of) = self.missed.get_mut(interface) {
                    *of = missed;
                }
            }
            Block::Other => {}
        }
    }

    /// Has the network begun to tell, or was it refused?
    fn has_begun(&self) -> bool {
        !self.missed.is_empty()
    }

    /// On standard error, so that it is in no file.
    fn tell(&self) {
        let missed: u64 = self.missed.iter().sum();
        // Where nobody can read it, the file says it too.
        let _ = writeln!(
            io::stderr(),
            "{} frames captured, {missed} missed because they came faster than they were read",
            self.frames
        );
    }
}

/// Where frames go.
enum Sink {
    /// Opened when something comes: a capture that is refused leaves the file as it was.
    Blocks(PathBuf, Option<Box<dyn Write>>),
    Lines(line::Lines<BufWriter<io::Stdout>>),
}

impl Sink {
    fn new(write: Option<&Path>) -> Self {
        match write {
            None => Self::Lines(line::Lines::new(BufWriter::new(io::stdout()))),
            Some(path) => Self::Blocks(path.to_owned(), None),
        }
    }

    fn take(&mut self, bytes: &[u8], block: Block<'_>) -> Result<(), Stop> {
        let written = match self {
            Self::Blocks(path, to) => write(path, to, bytes),
            Self::Lines(lines) => lines.take(block),
        };
        self.check(written)
    }

    /// What has come is to be seen at once.
    fn flush(&mut self) -> Result<(), Stop> {
        let written = match self {
            Self::Blocks(_, to) => to.as_mut().map_or(Ok(()), Write::flush),
            Self::Lines(lines) => lines.flush(),
        };
        self.check(written)
    }

    /// A file that was ended by hand says what was missed, too.
    fn finish(&mut self, taken: &Taken) -> Result<(), Stop> {
        if let (Self::Blocks(path, to), true, false) =
            (&mut *self, taken.has_begun(), taken.is_told)
        {
            let mut blocks = Vec::new();
            for (interface, missed) in (0..).zip(&taken.missed) {
                pcapng::statistics(interface, taken.stamp, *missed, &mut blocks);
            }
            let written = write(path, to, &blocks);
            self.check(written)?;
        }
        self.flush()
    }

    fn check(&self, written: io::Result<()>) -> Result<(), Stop> {
        match (written, self) {
            (Ok(()), _) => Ok(()),
            (Err(error), _) if error.kind() == io::ErrorKind::BrokenPipe => Err(Stop::NoReader),
            (Err(source), Self::Blocks(path, _)) => {
                Err(CaptureFailure::Write { path: path.clone(), source }.into())
            }
            (Err(error), Self::Lines(_)) => Err(OutputError::from(error).into()),
        }
    }
}

/// Writes to a file, which is made or emptied the first time.
fn write(path: &Path, to: &mut Option<Box<dyn Write>>, bytes: &[u8]) -> io::Result<()> {
    let to = match to {
        Some(to) => to,
        None => to.insert(if path == Path::new("-") {
            Box::new(BufWriter::new(io::stdout()))
        } else {
            Box::new(BufWriter::new(File::create(path)?))
        }),
    };
    to.write_all(bytes)
}
