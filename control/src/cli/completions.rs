//! `udp-bridge completions`: what a shell needs to complete our commands and options.

use super::exit::CliError;
use super::output::print;
use clap::{Args, Command};
use clap_complete::{Shell, generate};

/// Options of `completions`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The shell
    shell: Shell,
}

/// Prints the shell's script for the whole command line.
pub(super) fn run(options: &Options, command: Command) -> Result<(), CliError> {
    Ok(print(&script(options.shell, command))?)
}

fn script(shell: Shell, mut command: Command) -> String {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::CommandLine;
    use super::*;
    use clap::{CommandFactory, ValueEnum};

    #[test]
    fn every_shell_gets_a_script_with_verbs_and_options() {
        for shell in Shell::value_variants() {
            let script = script(*shell, CommandLine::command());
            for word in ["conntrack", "publish"] {
                assert!(script.contains(word), "{shell} lacks {word}");
            }
        }
    }
}
