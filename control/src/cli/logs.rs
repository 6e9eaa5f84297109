//! Where do log lines go, which of them, and in what form?
//!
//! To standard error. On a terminal they are for people: warnings only where a status line is watched,
//! everything from `info` on otherwise. Into a file, a pipe or the journal each line is one JSON object, with
//! `timestamp`, `level`, `message` and the line's own fields. There is no line for a packet.

use super::status::LineShown;
use std::io::{self, IsTerminal, Write};
use tracing::{Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging for a process that keeps networks up, for the rest of its life.
pub(super) fn start(watched: bool, shown: LineShown) {
    let level = if watched { Level::WARN } else { Level::INFO };
    let to = BesideStatusLine(shown);
    if io::stderr().is_terminal() {
        begin(for_people(level, true, to));
    } else {
        begin(for_programs(level, to));
    }
}

/// Starts logging for a command that is soon over: warnings only, as the errors that it prints itself.
pub(super) fn start_for_command() {
    let to = BesideStatusLine(LineShown::default());
    begin(for_people(Level::WARN, io::stderr().is_terminal(), to));
}

fn begin(subscriber: impl Subscriber + Send + Sync) {
    // It fails only when there is a subscriber already, and then logs go there.
    let _ = subscriber.try_init();
}

fn for_people<W>(level: Level, colours: bool, to: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        // It would say so with a panic, when the terminal is gone.
        .log_internal_errors(false)
        .with_ansi(colours)
        .with_writer(to)
        .finish()
}

fn for_programs<W>(level: Level, to: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(level)
        .with_target(false)
        .log_internal_errors(false)
        .with_writer(to)
        .finish()
}

/// Standard error, with the status line wiped before each log line.
#[derive(Clone, Debug)]
struct BesideStatusLine(LineShown);

impl<'a> MakeWriter<'a> for BesideStatusLine {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for BesideStatusLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut terminal = io::stderr().lock();
        self.0.wipe(&mut terminal)?;
        terminal.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn say_something() {
        tracing::info!("not asked for");
        tracing::warn!(port = "ub0-1", "the port\nis \"gone\"");
    }

    #[test]
    fn programs_read_one_object_a_line() {
        let kept = Kept::default();
        tracing::subscriber::with_default(for_programs(Level::WARN, kept.clone()), say_something);
        let text = kept.text();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [line] = &lines[..] else { panic!("{text}") };
        assert_eq!((&line["level"], &line["port"]), (&"WARN".into(), &"ub0-1".into()));
        assert_eq!(line["message"], "the port\nis \"gone\"");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{text}");
    }

    #[test]
    fn people_read_words() {
        let kept = Kept::default();
        let subscriber = for_people(Level::WARN, false, kept.clone());
        tracing::subscriber::with_default(subscriber, say_something);
        let text = kept.text();
        assert!(text.contains("WARN the port") && text.contains("port=\"ub0-1\""), "{text}");
        assert!(!text.contains("not asked for"));
    }
}
