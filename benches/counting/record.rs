//! The record: what was counted, and with which tools. A file that people read in changes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{fmt, fs, io};

/// What stands above the record.
const HEAD: &str = "\
# Instructions for each frame, or operation, counted by callgrind. Written by
#     cargo bench -p udp-bridge-benches --bench instructions -- --record
# which is done whenever a change is meant to cost more, or less, than it did.

";

/// Instructions for one frame, to a hundredth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct Count {
    hundredths: u64,
}

impl Count {
    /// So many instructions for so many frames, at least one.
    pub fn of(instructions: u64, frames: u64) -> Self {
        Self { hundredths: instructions * 100 / frames.max(1) }
    }

    /// The mean of these; `None` of none.
    pub fn mean(counts: &[Self]) -> Option<Self> {
        let sum: u64 = counts.iter().map(|count| count.hundredths).sum();
        Some(Self { hundredths: sum.checked_div(counts.len() as u64)? })
    }

    /// In hundredths.
    pub fn hundredths(self) -> u64 {
        self.hundredths
    }
}

impl From<f64> for Count {
    /// Nothing below 0, which no count is.
    fn from(instructions: f64) -> Self {
        Self { hundredths: (instructions * 100.0).round() as u64 }
    }
}

impl From<Count> for f64 {
    fn from(count: Count) -> Self {
        count.hundredths as Self / 100.0
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.hundredths / 100, self.hundredths % 100))
    }
}

/// What a count depends on besides the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    /// The compiler, as it says itself.
    pub rustc: String,
    /// What it compiles for.
    pub target: String,
    /// The C library.
    pub libc: String,
    /// Who counts.
    pub valgrind: String,
}

impl Tools {
    /// Those of this machine. What cannot be asked is `unknown`.
    pub fn here() -> Self {
        let compiler = said("rustc", &["-vV"]);
        let target = compiler.lines().find_map(|line| line.strip_prefix("host: "));
        Self {
            rustc: compiler.lines().next().unwrap_or_default().to_owned(),
            target: target.unwrap_or("unknown").to_owned(),
            libc: said("getconf", &["GNU_LIBC_VERSION"]),
            valgrind: said("valgrind", &["--version"]),
        }
    }

    /// What is different elsewhere, for people.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let pairs = [
            (&self.rustc, &other.rustc),
            (&self.target, &other.target),
            (&self.libc, &other.libc),
            (&self.valgrind, &other.valgrind),
        ];
        let differ = pairs.into_iter().filter(|(one, another)| one != another);
        differ.map(|(one, another)| format!("{one}, not {another}")).collect()
    }
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// With what it was counted.
    pub tools: Tools,
    /// What was counted, by the case's name.
    pub instructions: BTreeMap<String, Count>,
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// It is no record.
    #[error("{path}: {source}")]
    Content {
        /// Which file.
        path: String,
        /// Why not.
        source: Box<toml::de::Error>,
    },
    /// It cannot be written as TOML.
    #[error("cannot write a record: {0}")]
    Format(#[from] toml::ser::Error),
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// `File` or `Content`.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let name = || path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|source| RecordError::File { path: name(), source })?;
        toml::from_str(&text)
            .map_err(|source| RecordError::Content { path: name(), source: Box::new(source) })
    }

    /// Writes the record: all of it, or nothing under this name.
    ///
    /// # Errors
    /// `File` or `Format`.
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        let text = format!("{HEAD}{}", toml::to_string(self)?);
        let new = path.with_extension("toml.new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, path))
            .map_err(|source| RecordError::File { path: path.display().to_string(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let tools = Tools {
            rustc: "rustc 1.95.0".into(),
            target: "x86_64-unknown-linux-gnu".into(),
            libc: "glibc 2.36".into(),
            valgrind: "valgrind-3.19.0".into(),
        };
        let counts = [("bridged, 64 B", (9_999, 64)), ("fdb: known", (33, 1))];
        let instructions =
            counts.map(|(name, (total, frames))| (name.into(), Count::of(total, frames))).into();
        Record { tools, instructions }
    }

    #[test]
    fn record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instructions.toml");
        record().write(&path).unwrap();
        assert_eq!(Record::read(&path).unwrap(), record());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
        assert!(fs::read_to_string(&path).unwrap().contains("\"bridged, 64 B\" = 156.23"));
    }

    #[test]
    fn what_is_no_record_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instructions.toml");
        let missing = Record::read(&path).unwrap_err();
        assert!(matches!(missing, RecordError::File { .. }));
        fs::write(&path, "instructions = 3").unwrap();
        let foreign = Record::read(&path).unwrap_err();
        assert!(matches!(foreign, RecordError::Content { .. }));
        assert!(foreign.to_string().contains("instructions.toml"));
    }

    #[test]
    fn other_tools_are_told_by_name() {
        let here = record().tools;
        let there = Tools { rustc: "rustc 1.96.0".into(), ..here.clone() };
        assert!(here.differences(&here).is_empty());
        assert_eq!(here.differences(&there), ["rustc 1.95.0, not rustc 1.96.0"]);
    }
}
