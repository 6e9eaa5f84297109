//! Valgrind's callgrind: what it is told, and what it says.
//!
//! It counts while [`counted`] runs and writes a part of its file whenever that returns. Of each part only
//! the line `totals:` is read. Source: <https://valgrind.org/docs/manual/cl-format.html>.

use super::{BUILDS, Case, Count};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// The function that is counted, as a pattern over its name.
const COUNTED: &str = "*::callgrind::counted";

/// No more of the processor than every x86-64 has, for the C library's choice of `memcpy` and its kin.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-SSSE3,\
                        -Fast_Unaligned_Copy,-ERMS,-FSRM";

/// Why there is no count.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// Valgrind or this program cannot be started.
    #[error("cannot run valgrind (package valgrind): {0}")]
    Start(#[source] io::Error),
    /// The case ended badly under valgrind.
    #[error("{case}: failed under valgrind, {status}\n{said}")]
    Failed {
        /// Which case.
        case: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it said.
        said: String,
    },
    /// The file of counts cannot be read.
    #[error("{case}: no counts: {source}")]
    Unreadable {
        /// Which case.
        case: String,
        /// Why not.
        source: io::Error,
    },
    /// Not as many counts as were to be made.
    #[error("{case}: {parts} counts for {frames} builds, of {BUILDS} each")]
    Parts {
        /// Which case.
        case: String,
        /// Counts in the file.
        parts: usize,
        /// Lines that the case printed.
        frames: usize,
    },
}

/// Runs what is to be counted. Never inlined, for valgrind knows it by its name.
#[inline(never)]
pub fn counted(run: &mut dyn FnMut()) {
    run();
}

/// Counts a case in a process of its own, which is this program with `arguments`. Gives the counts of the
/// builds for each frame, the least first. `file` is written over and removed.
///
/// # Errors
/// As of [`CountError`].
pub fn measure(case: &Case, arguments: &[&str], file: &Path) -> Result<Vec<Count>, CountError> {
    let program = env::current_exe().map_err(CountError::Start)?;
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--collect-atstart=no", "--combine-dumps=yes"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--dump-after={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .args(arguments)
        .env_clear()
        .envs(env::var_os("PATH").map(|path| ("PATH", path)))
        .env("GLIBC_TUNABLES", TUNABLES)
        .stdin(Stdio::null())
        .output()
        .map_err(CountError::Start)?;
    let text = fs::read_to_string(file);
    // Nothing else needs it, and it may not have been made.
    let _ = fs::remove_file(file);
    let name = || case.name.to_owned();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(CountError::Failed { case: name(), status: output.status, said });
    }
    let text = text.map_err(|source| CountError::Unreadable { case: name(), source })?;
    let parts = totals(&text);
    let said = String::from_utf8_lossy(&output.stdout);
    let frames: Vec<u64> = said.lines().filter_map(|line| line.parse().ok()).collect();
    if parts.len() != BUILDS || frames.len() != BUILDS {
        return Err(CountError::Parts { case: name(), parts: parts.len(), frames: frames.len() });
    }
    let mut counts: Vec<_> =
        parts.iter().zip(&frames).map(|(&total, &frames)| Count::of(total, frames)).collect();
    counts.sort_unstable();
    Ok(counts)
}

/// The totals of all parts that counted anything, in their order. The last part, from the last call to the
/// end of the program, is empty.
fn totals(text: &str) -> Vec<u64> {
    let totals = text.lines().filter_map(|line| line.strip_prefix("totals:"));
    totals.filter_map(|total| total.trim().parse().ok()).filter(|&total| total > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_file_has_its_total() {
        let text = "# callgrind format\nevents: Ir\n\npart: 1\nfn=(1) counted\n0 12\n\ntotals: 640\n\
                    part: 2\ntotals: 704\npart: 3\ntotals: 0\n";
        assert_eq!(totals(text), [640, 704]);
    }
}
