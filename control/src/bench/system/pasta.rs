//! How is pasta started?
//!
//! With `--config-net`, which gives the namespace the host's own address on the TAP that it makes in there.
//! It gives up privileges unless it is told to stay who it is (`--runas 0`), and could not enter the
//! namespace then. Source: `passt(1)`.

use super::namespace;
use super::outside;
use super::program::{Program, ProgramError};
use super::userspace::{END, Stack, Surroundings};
use super::{System, SystemError};
use crate::bench::shape::Shape;

const PASTA: Program = Program { name: "pasta", package: "passt" };

/// What it calls itself.
pub(super) fn version() -> Result<String, ProgramError> {
    PASTA.version("--version")
}

/// Starts it.
pub(super) fn start(shape: &Shape, prefix: &str) -> Result<Stack, SystemError> {
    PASTA.find()?;
    let around = Surroundings::make(prefix, shape.mtu)?;
    let mut command = PASTA.command()?;
    command.args(["--foreground", "--config-net", "--no-map-gw", "--runas", "0"]);
    command.args(["--ipv4-only", "--netns-only", "--ns-ifname", END]);
    command.arg("--mtu").arg(shape.mtu.to_string());
    command.args(["--tcp-ports", &ports("tcp", shape.published)]);
    command.args(["--udp-ports", &ports("udp", shape.published)]);
    command.args(["--tcp-ns", "none", "--udp-ns", "none", "--netns"]).arg(&around.inside);
    let mut program = PASTA.start(&mut command, &around.host, &format!("{prefix}.log"))?;
    program.wait_for("address", || namespace::has_address(&around.inside, END))?;
    Ok(Stack { system: System::Pasta, around, published: shape.published, program })
}

/// The ports that are published for this protocol, as it is told of them: they follow each other.
fn ports(protocol: &str, published: u16) -> String {
    let all: Vec<_> = outside::published(published).filter(|it| it.protocol == protocol).collect();
    match (all.first(), all.last()) {
        (Some(first), Some(last)) if first != last => {
            format!("{}-{}:{}-{}", first.from, last.from, first.to, last.to)
        }
        (Some(only), _) => format!("{}:{}", only.from, only.to),
        _ => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_told_as_a_range() {
        assert_eq!(ports("tcp", 0), "none");
        assert_eq!(ports("tcp", 1), "8080:9090");
        assert_eq!(ports("tcp", 100), "8080-8179:9090-9189");
        assert_eq!(ports("udp", 100), "8179:9189");
    }
}
