//! `udp-bridge man`: the manual, a page for the program and one for each verb.

use super::exit::CliError;
use super::output::print;
use clap::{Args, Command};
use clap_mangen::Man;
use std::io;
use std::path::{Path, PathBuf};

/// Options of `man`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Write all pages into this folder, for example /usr/local/share/man/man8, in place of printing the
    /// first
    folder: Option<PathBuf>,
}

/// The manual cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; is it in a folder that you may write to?", path.display())]
pub struct ManError {
    path: PathBuf,
    source: io::Error,
}

/// System administration commands (`man 1 man`).
const SECTION: &str = "8";

/// Prints or writes the pages.
pub(super) fn run(options: &Options, command: Command) -> Result<(), CliError> {
    match &options.folder {
        Some(folder) => Ok(write(folder, command)?),
        None => {
            let first = pages(command).into_iter().next();
            Ok(print(&first.map(|(_, page)| page).unwrap_or_default())?)
        }
    }
}

fn write(folder: &Path, command: Command) -> Result<(), ManError> {
    for (name, page) in pages(command) {
        let path = folder.join(name);
        std::fs::write(&path, page).map_err(|source| ManError { path, source })?;
    }
    Ok(())
}

/// File names and pages, the program's own first.
fn pages(mut command: Command) -> Vec<(String, String)> {
    // From here on each verb knows the whole of what is typed before it.
    command.build();
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    std::iter::once(&command).chain(verbs).map(page).collect()
}

fn page(command: &Command) -> (String, String) {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let man = Man::new(command.clone()).section(SECTION).title(name.to_uppercase());
    let mut page = Vec::new();
    // Memory takes everything that is written.
    let _ = man.render(&mut page);
    (format!("{name}.{SECTION}"), String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::CommandLine;
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn there_is_a_page_for_every_verb_that_is_shown() {
        let pages = pages(CommandLine::command());
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[0], "udp-bridge.8");
        assert!(names.contains(&"udp-bridge-up.8") && names.contains(&"udp-bridge-ps.8"));
        assert!(!names.iter().any(|name| name.contains("probe")), "{names:?}");
        for (name, page) in &pages {
            assert!(page.contains(".TH UDP") && page.contains(".SH SYNOPSIS"), "{name}: {page}");
        }
        let up = &pages.iter().find(|(name, _)| name == "udp-bridge-up.8").unwrap().1;
        assert!(up.contains("udp\\-bridge up") && up.contains("\\-\\-publish"), "{up}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = write(Path::new("/nonexistent/man8"), CommandLine::command()).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/man8/udp-bridge.8"), "{error}");
    }
}
