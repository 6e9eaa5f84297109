//! What a STUN client that was not written here says of the NAT (RFC 4787, RFC 5780).
//!
//! ```text
//!   ub0-1 ──── host ──── outside: turnserver at 198.51.100.7, 192.0.2.254, ports 3478, 3479
//!   turnutils_natdiscovery      and at two addresses of IPv6
//! ```
//!
//! The client asks the server to answer from its other port and its other address, and says which of the
//! answers came; it waits three seconds for one that does not come. Both are of coturn.

use super::call::udp;
use super::world::{MTU, World, outside};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use udp_bridge_tests::host::needs::{Need, Suite};
use udp_bridge_tests::host::outside::Family;
use udp_bridge_tests::host::process::Running;
use udp_bridge_tests::host::programs::{NATDISCOVERY, TURNSERVER};
use udp_bridge_tests::host::traffic::End;
use udp_bridge_tests::host::{Host, wait};

const NEEDS: &[Need] = &[Need::Ipv6, Need::Coturn];

/// The server's ports (RFC 5389 section 9), the second for answers from another one.
const PORTS: [u16; 2] = [3478, 3479];

pub(super) fn add_to(suite: &mut Suite) {
    for (option, finding) in [
        ("endpoint-independent", "Endpoint Independent"),
        ("address", "Address Dependent"),
        ("address-and-port", "Address and Port Dependent"),
    ] {
        let word = option.replace('-', "_");
        suite.add_needing(
            NEEDS,
            &format!("natdiscovery_finds_mapping_and_hairpinning_with_filtering_by_{word}"),
            move |host| mapping(host, option),
        );
        suite.add_needing(NEEDS, &format!("natdiscovery_finds_filtering_by_{word}"), move |host| {
            filtering(host, option, finding);
        });
    }
}

/// A host with the server outside.
struct Stun<'h> {
    world: World<'h>,
    client: PathBuf,
    _server: Running,
}

impl<'h> Stun<'h> {
    fn up(host: &'h Host, filtering: &str) -> Self {
        let (server, client) = (host.keep_program(TURNSERVER), host.keep_program(NATDISCOVERY));
        let outside = outside(host, MTU);
        let server = serve(host, server, &outside);
        let world = World::beside(host, outside, &format!("--ports 1 --nat-filtering {filtering}"));
        Self { world, client, _server: server }
    }

    /// What the client prints when it runs in the namespace.
    fn discover(&self, options: &str, family: Family) -> String {
        let (host, client) = (self.world.host, &self.world.ends[0]);
        let mut command = Command::new(&self.client);
        command.args(options.split_whitespace()).arg(family.of(&self.world.outside).to_string());
        client.visit(host, || host.finish(&mut command)).ok().stdout
    }
}

/// The server's addresses of a family. The first is the one to ask: coturn names the second as the other
/// one, whichever of them was asked.
fn addresses(outside: &End, family: Family) -> [IpAddr; 2] {
    [family.of(outside), family.router()]
}

/// Starts the server, and waits until it answers wherever it should.
///
/// No user may allocate anything, and what it writes lies in the `/run` of this host.
fn serve(host: &Host, program: PathBuf, outside: &End) -> Running {
    let mut command = Command::new(program);
    command.args("-n --stun-only --no-tcp --no-tls --no-dtls --no-cli -m 0".split(' '));
    command.args("--log-file stdout --simple-log".split(' '));
    command.args("--pidfile /run/turnserver.pid --db /run/turnserver.db".split(' '));
    let all = || Family::BOTH.into_iter().flat_map(|family| addresses(outside, family));
    all().for_each(|address| {
        command.arg("-L").arg(address.to_string());
    });
    let mut server = outside.visit(host, || host.start(&mut command));
    for at in all().flat_map(|address| PORTS.map(|port| (address, port))) {
        let socket = udp(host, outside, (at.0, 0).into());
        wait::for_yes(&format!("a server at {at:?}"), || {
            assert!(!server.has_ended(), "it ended: {}{}", server.stdout(), server.stderr());
            socket.send_to(&BINDING_REQUEST, at).unwrap();
            socket.recv_from(&mut [0; 1500]).is_ok_and(|(_, from)| from == at.into())
        });
    }
    server
}

/// A request without attributes: type, length, magic cookie, transaction (RFC 5389 section 6).
const BINDING_REQUEST: [u8; 20] =
    [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/// The mapping is endpoint-independent whatever the filtering is.
fn mapping(host: &Host, option: &str) {
    let stun = Stun::up(host, option);
    for family in Family::BOTH {
        let found = stun.discover("-m -H", family);
        assert_found(&found, "NAT with Endpoint Independent Mapping!");
        assert_found(&found, "Received a request (maybe a successful hairpinning)");
        // Not some other address, and nobody between us and the server rewrote what the payload says.
        assert_found(&found, &format!("UDP reflexive addr: {}:", family.host()));
        assert!(!found.contains("ALG detected"), "{found}");
    }
}

fn filtering(host: &Host, option: &str, finding: &str) {
    let stun = Stun::up(host, option);
    for family in Family::BOTH {
        let found = stun.discover("-f", family);
        assert_found(&found, &format!("NAT with {finding} Filtering!"));
    }
    // What did not come was dropped for this reason, and for no other: two answers by two families.
    let dropped = match option {
        "endpoint-independent" => 0,
        "address" => 2,
        _ => 4,
    };
    assert_eq!(stun.world.drops("nat-filtered"), dropped);
}

#[track_caller]
fn assert_found(output: &str, line: &str) {
    assert!(output.contains(line), "{line} is not in\n{output}");
}
