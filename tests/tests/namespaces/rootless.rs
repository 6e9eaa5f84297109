//! The same without privileges.
//!
//! `/dev/net/tun` is open to all on these hosts, as it is on most machines. What runs inside of a port
//! is this test's own program, for nothing else that pings is sure to be there.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::process::Finished;
use udp_bridge_tests::host::traffic::pings;

pub(super) fn add_to(suite: &mut Suite) {
    let needs = &[Need::UserNamespaces, Need::Ipv6];
    suite.add_needing(needs, "without_root_a_network_comes_up_works_and_goes", comes_and_goes);
    suite
        .add("without_root_a_way_to_the_outside_is_refused_by_the_option_that_was_given", stays_in);
    suite.add_needing(needs, "without_root_the_networks_of_a_file_are_apart", apart);
    suite.add_needing(needs, "without_root_kill_9_leaves_nothing_that_down_cannot_clear", killed);
}

/// A user without privileges.
const USER: u32 = 12_345;

const PING: &str = "--ping-for-a-test";

/// Pings the address behind the flag, if it is the first argument: the part that runs in a port.
pub(super) fn ping_for_a_test() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != PING {
        return None;
    }
    let to: IpAddr = arguments.next()?.parse().ok()?;
    Some(if pings(to, Duration::from_secs(5)) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the user needs of the host.
struct User<'h> {
    host: &'h Host,
    programs: PathBuf,
}

impl<'h> User<'h> {
    fn on(host: &'h Host) -> Self {
        host.open_tun_to(0o666);
        fs::create_dir("/run/user").unwrap();
        chown("/run/user", Some(USER), Some(USER)).unwrap();
        fs::set_permissions("/run/user", std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .unwrap();
        Self { host, programs: host.open_programs_to_all() }
    }

    fn udp_bridge(&self, arguments: &str) -> Finished {
        let mut command = Command::new(self.programs.join("udp-bridge"));
        command.args(arguments.split(' ')).uid(USER).gid(USER).current_dir("/");
        command.env("XDG_RUNTIME_DIR", "/run/user").env("PATH", "/usr/local/bin:/usr/bin:/bin");
        self.host.finish(&mut command)
    }

    fn ping(&self, port: &str, to: &str) {
        assert!(self.pings(port, to), "no answer from {to} to {port}");
    }

    fn pings(&self, port: &str, to: &str) -> bool {
        let test = std::env::current_exe().unwrap();
        let program = self.programs.join("deps").join(test.file_name().unwrap());
        let ended = self.udp_bridge(&format!("exec {port} -- {} {PING} {to}", program.display()));
        ended.code() == Some(0)
    }
}

fn comes_and_goes(host: &Host) {
    let user = User::on(host);
    let before = host.snapshot();
    let shown =
        user.udp_bridge("up --ports 2 --subnet 10.7.0.0/24 --subnet6 fd07::/64 --detach").ok();
    assert!(shown.stdout.contains("rootless"), "{shown:?}");
    before.assert_same(&host.snapshot());
    for (port, to) in
        [("ub0-1", "10.7.0.3"), ("2", "10.7.0.2"), ("1", "10.7.0.1"), ("2", "fd07::2")]
    {
        user.ping(port, to);
    }
    user.ping("host", "10.7.0.3");
    assert_eq!(user.udp_bridge("exec 1 -- sh -c :").code(), Some(0));
    assert_eq!(user.udp_bridge("exec 1 -- no-such-program").code(), Some(127));
    let listed = user.udp_bridge("ps --json").ok().stdout;
    assert!(listed.contains("\"rootless\": true"), "{listed}");
    assert!(user.udp_bridge("fdb").ok().stdout.contains("ub0-2"));
    user.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
    assert!(host.processes().is_empty(), "{:?}", host.processes());
    assert_eq!(user.udp_bridge("ps --json").ok().stdout.trim(), "[]");
}

fn apart(host: &Host) {
    const TWO: &str = "\
version = 1
[networks.front]
subnet = '10.7.0.0/24'
subnet6 = 'fd07::/64'
[networks.back]
subnet = '10.8.0.0/24'
subnet6 = 'fd08::/64'
[sandboxes.a.endpoints.front]
[sandboxes.a2.endpoints.front]
[sandboxes.b.endpoints.back]
[sandboxes.b2.endpoints.back]
";
    let user = User::on(host);
    let before = host.snapshot();
    let opened = "[[networks.front.rules]]\nto = 'network:back'\nverdict = 'accept'\n";
    fs::write("/run/open.toml", format!("{TWO}{opened}")).unwrap();
    let refused = user.udp_bridge("up -f /run/open.toml --detach");
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("open.toml:13:6") && refused.stderr.contains("run as root"),
        "{refused:?}"
    );
    fs::write("/run/net.toml", TWO).unwrap();
    user.udp_bridge("up -f /run/net.toml --detach").ok();
    user.ping("a2", "10.7.0.2");
    user.ping("b2", "fd08::2");
    user.ping("a", "10.8.0.1");
    for to in ["10.8.0.2", "fd08::2"] {
        assert!(!user.pings("a", to), "a reaches {to}");
    }
    let told = user.udp_bridge("ps front --json").ok().stdout;
    assert!(told.contains("\"other-network\""), "{told}");
    user.udp_bridge("down front").ok();
    user.udp_bridge("down back").ok();
    before.assert_same(&host.snapshot());
}

fn stays_in(host: &Host) {
    let user = User::on(host);
    let before = host.snapshot();
    for option in ["--uplink route", "--snat 192.0.2.1", "--nat-ports 5000-6000"] {
        let refused = user.udp_bridge(&format!("up --ports 1 {option}"));
        assert_eq!(refused.code(), Some(2), "{option}: {refused:?}");
        let (name, _) = option.split_once(' ').unwrap();
        assert!(
            refused.stderr.contains(name) && refused.stderr.contains("run as root"),
            "{refused:?}"
        );
    }
    before.assert_same(&host.snapshot());
}

fn killed(host: &Host) {
    let user = User::on(host);
    let before = host.snapshot();
    user.udp_bridge("up --ports 2 --detach").ok();
    for pid in host.processes() {
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    udp_bridge_tests::host::wait::for_yes("it is dead", || {
        user.udp_bridge("ps").ok().stdout.contains("dead")
    });
    user.udp_bridge("up --ports 3 --detach").ok();
    user.udp_bridge("down").ok();
    before.assert_same(&host.snapshot());
    assert_eq!(fs::read_dir("/run/user/udp-bridge").unwrap().count(), 0);
}
