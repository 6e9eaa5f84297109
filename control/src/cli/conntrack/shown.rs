//! How are flows printed while they still come?
//!
//! As text a line each, as JSON one array, written piece by piece. A reader that has gone away
//! (`udp-bridge conntrack | head`) ends a listing, and is no error; a deletion goes on without it.

use super::line;
use crate::api::client::ClientError;
use crate::api::flow::FlowInfo;
use crate::api::paths;
use crate::cli::exit::CliError;
use crate::cli::output::OutputError;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

/// What was printed so far.
pub(super) struct Shown<W: Write> {
    to: BufWriter<W>,
    json: bool,
    to_the_end: bool,
    closed: bool,
    flows: u64,
    failure: Option<CliError>,
}

impl<W: Write> Shown<W> {
    /// Nothing yet.
    pub(super) fn new(to: W, json: bool) -> Self {
        let to = BufWriter::new(to);
        Self { to, json, to_the_end: false, closed: false, flows: 0, failure: None }
    }

    /// Goes on without a reader.
    pub(super) fn despite_no_reader(self) -> Self {
        Self { to_the_end: true, ..self }
    }

    /// Prints one flow, which is a line of JSON.
    pub(super) fn take(&mut self, flow: &[u8]) -> ControlFlow<()> {
        self.flows += 1;
        if self.closed {
            return ControlFlow::Continue(());
        }
        let written = if self.json {
            let before = if self.flows == 1 { "[\n  " } else { ",\n  " };
            self.to.write_all(before.as_bytes()).and_then(|()| self.to.write_all(flow))
        } else {
            match serde_json::from_slice::<FlowInfo>(flow) {
                Ok(info) => writeln!(self.to, "{}", line::text(&info)),
                Err(source) => {
                    let path = paths::FLOWS.to_owned();
                    self.failure = Some(ClientError::Malformed { path, source }.into());
                    return ControlFlow::Break(());
                }
            }
        };
        self.note(written)
    }

    /// What follows from a write.
    fn note(&mut self, written: io::Result<()>) -> ControlFlow<()> {
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                if self.to_the_end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }
            Err(error) => {
                self.failure = Some(OutputError::from(error).into());
                ControlFlow::Break(())
            }
        }
    }

    /// Prints the end, and says how many flows there were.
    ///
    /// # Errors
    /// What went wrong first, here or in what was `asked`. What had come is printed nevertheless.
    pub(super) fn finish(mut self, asked: Result<(), ClientError>) -> Result<u64, CliError> {
        if self.json && !self.closed {
            let end: &[u8] = if self.flows == 0 { b"[]\n" } else { b"\n]\n" };
            let written = self.to.write_all(end);
            let _ = self.note(written);
        }
        if !self.closed {
            let written = self.to.flush();
            let _ = self.note(written);
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        asked?;
        Ok(self.flows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::flow::tests::infos;

    fn lines() -> Vec<Vec<u8>> {
        infos().iter().map(|info| serde_json::to_vec(info).unwrap()).collect()
    }

    /// Takes a few bytes, then nobody reads any more.
    struct Pipe(usize);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 < bytes.len() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.0 -= bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn json_is_one_array_of_all_flows() {
        for count in 0..=3 {
            let mut text = Vec::new();
            let mut shown = Shown::new(&mut text, true);
            for line in &lines()[..count] {
                assert!(shown.take(line).is_continue());
            }
            assert_eq!(shown.finish(Ok(())).unwrap(), count as u64);
            let read: Vec<FlowInfo> = serde_json::from_slice(&text).unwrap();
            assert_eq!(read, infos()[..count]);
        }
    }

    #[test]
    fn text_is_a_line_a_flow() {
        let mut text = Vec::new();
        let mut shown = Shown::new(&mut text, false);
        assert!(lines().iter().all(|line| shown.take(line).is_continue()));
        assert_eq!(shown.finish(Ok(())).unwrap(), 3);
        let text = String::from_utf8(text).unwrap();
        let protocols: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(protocols, ["tcp", "icmp", "unknown"]);
    }

    #[test]
    fn without_a_reader_a_listing_ends_and_a_deletion_goes_on() {
        let line = &lines()[0];
        // More than is kept back before it is written.
        let most = 100;
        let mut listing = Shown::new(Pipe(9000), false);
        assert!((0..most).any(|_| listing.take(line).is_break()));
        assert!(listing.finish(Ok(())).is_ok());
        let mut deletion = Shown::new(Pipe(9000), true).despite_no_reader();
        assert!((0..most).all(|_| deletion.take(line).is_continue()));
        assert_eq!(deletion.finish(Ok(())).unwrap(), most);
    }

    #[test]
    fn what_is_no_flow_is_an_error() {
        let mut shown = Shown::new(Vec::new(), false);
        assert!(shown.take(b"{}").is_break());
        let error = shown.finish(Ok(())).unwrap_err().to_string();
        assert!(error.contains("another version"), "{error}");
    }
}
