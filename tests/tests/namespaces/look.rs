//! `top` on a terminal, metrics, manual and completions.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::num::NonZero;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use udp_bridge_tests::host::needs::Suite;
use udp_bridge_tests::host::{Host, wait};

pub(super) fn add_to(suite: &mut Suite) {
    suite.add("top_fits_a_terminal_of_eighty_by_twenty_four_and_leaves_it_clean", top);
    suite.add("top_follows_the_size_of_its_terminal", resized);
    suite.add("top_runs_on_the_terminals_that_ssh_brings", terminals);
    suite.add("top_without_a_terminal_says_what_else_there_is", no_terminal);
    suite.add("top_on_a_terminal_without_a_cursor_says_what_else_there_is", dumb);
    suite.add("metrics_count_what_went_through", metrics);
    suite.add("logs_in_a_file_are_json", logs);
    suite.add("manual_and_completions_know_every_verb", manual);
}

const SIZE: Winsize = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };

/// A program on a terminal, whose screen is drawn as a terminal would.
struct OnTerminal {
    child: Child,
    terminal: File,
    parser: vt100::Parser,
}

impl OnTerminal {
    fn start(command: &mut Command) -> Self {
        Self::start_as(command, Some("xterm-256color"))
    }

    /// The same on a terminal of a type.
    fn start_as(command: &mut Command, term: Option<&str>) -> Self {
        let OpenptyResult { master, slave } = openpty(Some(&SIZE), None).unwrap();
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let side = || Stdio::from(slave.try_clone().unwrap());
        command.stdin(side()).stdout(side()).stderr(side());
        match term {
            Some(term) => command.env("TERM", term),
            None => command.env_remove("TERM"),
        };
        let child = command.spawn().unwrap();
        let [rows, columns] = [SIZE.ws_row, SIZE.ws_col].map(|size| NonZero::new(size).unwrap());
        let parser = vt100::Parser::new(rows, columns, 0);
        Self { child, terminal: master.into(), parser }
    }

    /// What is on the screen now.
    fn screen(&mut self) -> String {
        let mut chunk = [0; 4096];
        loop {
            match self.terminal.read(&mut chunk) {
                Ok(length) if length > 0 => self.parser.process(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nothing more for now, or the other side is closed.
                _ => return self.parser.screen().contents(),
            }
        }
    }

    /// Makes the terminal as large as this, and says so as `ssh` does.
    fn resize(&mut self, rows: u16, columns: u16) {
        let size =
            rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.terminal, size).unwrap();
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, Signal::SIGWINCH).unwrap();
        let [rows, columns] = [rows, columns].map(|size| NonZero::new(size).unwrap());
        self.parser.screen_mut().set_size(rows, columns);
    }

    fn press(&mut self, key: char) {
        write!(self.terminal, "{key}").unwrap();
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // It has ended where all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn top(host: &Host) {
    let network = host.up("--ports 2");
    let ends = network.ends();
    let mut shown = OnTerminal::start(&mut host.command("top ub0 --interval 0.2"));
    wait::for_yes("all ports and the last line are shown", || {
        let screen = shown.screen();
        ["ub0-1", "ub0-2", "UNREAD/S", "q quit"].iter().all(|word| screen.contains(word))
    });
    assert!(shown.parser.screen().alternate_screen());
    wait::for_yes("a ping is seen as frames by the second", || {
        ends[1].ping(host, ends[2].ipv4.into());
        let screen = shown.screen();
        let row = screen.lines().find(|line| line.starts_with("ub0-1 ")).unwrap_or_default();
        let frames = row.split_whitespace().nth(5).unwrap_or_default();
        frames.parse::<u64>().is_ok_and(|frames| frames > 0)
    });
    shown.press('s');
    wait::for_yes("the order has changed", || shown.screen().contains("by drops"));
    shown.press('q');
    let status = wait::until(wait::LONG, || shown.child.try_wait().unwrap());
    assert!(status.unwrap().success());
    shown.screen();
    assert!(!shown.parser.screen().alternate_screen(), "the terminal is as it was");
}

fn resized(host: &Host) {
    let _network = host.up("--ports 2");
    let mut shown = OnTerminal::start(&mut host.command("top ub0 --interval 0.2"));
    let all = ["PORT", "RX-FR/S", "DROPS/S", "UNREAD/S", "q quit"];
    for (rows, columns, missing) in [
        (24, 80, &[][..]),
        (20, 60, &["UNREAD/S"]),
        (15, 40, &["RX-FR/S", "UNREAD/S"]),
        (11, 40, &all),
        (24, 80, &[]),
    ] {
        shown.resize(rows, columns);
        wait::for_yes(&format!("{columns} columns and {rows} lines are used"), || {
            let screen = shown.screen();
            let has_small = screen.contains("needs 40x12");
            has_small == (rows < 12)
                && all.iter().all(|word| screen.contains(word) != missing.contains(word))
        });
    }
    shown.press('q');
    let status = wait::until(wait::LONG, || shown.child.try_wait().unwrap());
    assert!(status.unwrap().success());
}

fn terminals(host: &Host) {
    let _network = host.up("--ports 1");
    for term in ["xterm", "vt100", "screen", "linux"] {
        let mut shown = OnTerminal::start_as(&mut host.command("top"), Some(term));
        wait::for_yes(term, || {
            let screen = shown.screen();
            screen.contains("ub0-1") && screen.contains("q quit")
        });
        shown.press('q');
        let status = wait::until(wait::LONG, || shown.child.try_wait().unwrap());
        assert!(status.unwrap().success(), "{term}");
    }
}

fn dumb(host: &Host) {
    let _network = host.up("--ports 1");
    for (term, named) in [(Some("dumb"), "\"dumb\""), (Some(""), "\"\""), (None, "\"\"")] {
        let mut shown = OnTerminal::start_as(&mut host.command("top"), term);
        let status = wait::until(wait::LONG, || shown.child.try_wait().unwrap());
        assert_eq!(status.unwrap().code(), Some(1), "{term:?}");
        // As wide as the terminal, so that its lines are broken.
        let screen = shown.screen().replace('\n', "");
        assert!(screen.contains(&format!("of type {named} (TERM)")), "{term:?}: {screen}");
        assert!(screen.contains("udp-bridge ps"), "{term:?}: {screen}");
    }
}

fn no_terminal(host: &Host) {
    let _network = host.up("--ports 1");
    let ended = host.udp_bridge("top");
    assert_eq!(ended.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("udp-bridge ps"), "{ended:?}");
}

/// What the network's socket answers, head and body.
fn asked(path: &str) -> String {
    let mut socket = UnixStream::connect("/run/udp-bridge/ub0/api.sock").unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

fn metrics(host: &Host) {
    let network = host.up("--ports 2 --internal");
    let ends = network.ends();
    ends[1].ping(host, ends[2].ipv4.into());
    let answer = asked("/metrics");
    assert!(answer.contains("content-type: application/openmetrics-text"), "{answer}");
    let value = |series: &str| -> u64 {
        let line = answer.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap_or_else(|| panic!("no {series} in {answer}")).trim().parse().unwrap()
    };
    let port = r#"{network="ub0",port="ub0-1"}"#;
    assert!(value(&format!("udp_bridge_port_receive_frames_total{port}")) >= 1);
    assert_eq!(value(&format!("udp_bridge_port_up{port}")), 1);
    assert_eq!(value(r#"udp_bridge_fdb_entries{network="ub0"}"#), 3);
    assert!(value(r#"udp_bridge_conntrack_flows_limit{network="ub0"}"#) > 0);
    assert!(answer.trim_end().ends_with("# EOF"));
}

fn logs(host: &Host) {
    let network = host.up("--ports 1");
    let ended = network.end_by(nix::sys::signal::Signal::SIGTERM).ok();
    let lines: Vec<serde_json::Value> = ended
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let said = lines.iter().find(|line| line["message"].as_str().unwrap().contains("SIGTERM"));
    assert_eq!(said.unwrap()["level"], "INFO", "{lines:?}");
}

fn manual(host: &Host) {
    let help = host.udp_bridge("--help").ok().stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let verbs: Vec<&str> = listed
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.len() > 10, "{verbs:?}");
    std::fs::create_dir("/run/man8").unwrap();
    host.udp_bridge("man /run/man8").ok();
    let script = host.udp_bridge("completions bash").ok().stdout;
    for verb in verbs {
        let page = std::fs::read_to_string(format!("/run/man8/udp-bridge-{verb}.8")).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{verb}");
        assert!(script.contains(&format!("udp__bridge__subcmd__{verb}")), "{verb}");
    }
    let completes = "source /run/completions; complete -p udp-bridge";
    std::fs::write("/run/completions", script).unwrap();
    host.finish(Command::new("bash").args(["-c", completes])).ok();
}
