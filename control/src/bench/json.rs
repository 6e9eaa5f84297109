//! How are the samples kept?
//!
//! One object, written to a temporary file beside its place and renamed, so that there is the whole
//! or nothing:
//!
//! ```text
//!   { "format": 1, "machine": {…}, "busy_before": 0.01, "settings": {…}, "congestion": […], "offloads": […],
//!     "kernel_missing": [], "rows": [ one for each line of the table ],
//!     "samples": [ one for each measurement, in the order made ] }
//! ```

use super::measurement::{Measurement, Row};
use super::rounds::Sample;
use super::{cpu::Machine, options::Settings};
use nix::unistd::{AccessFlags, access};
use serde::Serialize;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Number of the file's shape; a change that old readers would misread raises it.
const FORMAT: u32 = 2;

/// Why the file is not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the samples to {}: {source}", path.display())]
pub struct JsonError {
    /// The file as asked for.
    pub path: PathBuf,
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    machine: &'a Machine,
    busy_before: f64,
    settings: &'a Settings,
    congestion: Vec<&'a str>,
    offloads: &'a [String],
    kernel_missing: &'a [String],
    rows: Vec<Row>,
    samples: &'a [Sample],
}

impl<'a> Document<'a> {
    fn of(measurement: &'a Measurement) -> Self {
        Self {
            format: FORMAT,
            machine: &measurement.machine,
            busy_before: measurement.busy_before,
            settings: &measurement.settings,
            congestion: measurement.congestion(),
            offloads: &measurement.offloads,
            kernel_missing: &measurement.kernel_missing,
            rows: measurement.rows(),
            samples: &measurement.samples,
        }
    }
}

/// Whether the file can be written, as far as one can know beforehand: nobody wants to learn it after
/// minutes of measuring.
///
/// # Errors
/// Its directory is missing or may not be written to, or the place is a directory's.
pub(super) fn check(path: &Path) -> Result<(), JsonError> {
    let failed = |source| JsonError { path: path.to_owned(), source };
    if path.is_dir() || path.file_name().is_none() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    access(directory(path), AccessFlags::W_OK | AccessFlags::X_OK)
        .map_err(|errno| failed(errno.into()))
}

/// Writes the file.
///
/// # Errors
/// [`JsonError`]; then nothing was changed.
pub(super) fn write(path: &Path, measurement: &Measurement) -> Result<(), JsonError> {
    let temporary = temporary(path);
    write_as(&temporary, path, &Document::of(measurement)).map_err(|source| {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
        JsonError { path: path.to_owned(), source }
    })
}

fn write_as(temporary: &Path, path: &Path, document: &Document<'_>) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(document)?;
    text.push(b'\n');
    let mut file = File::create_new(temporary)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    directory(path).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measurement::tests::{alone, example};
    use serde_json::{Value, json};

    fn written(measurement: &Measurement) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        check(&path).unwrap();
        write(&path, measurement).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file is left");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn the_file_has_every_sample_and_the_table() {
        let value = written(&example());
        assert_eq!(value["format"], 2);
        assert_eq!(value["machine"], json!({"kernel": "6.18.0", "cpu": "Some CPU", "cores": 2}));
        assert_eq!(
            value["settings"],
            json!({"rounds": 2, "seconds": 2.0, "mtu": 1500,
                   "workloads": ["tcp-1", "tcp-rr", "udp-18"]})
        );
        assert_eq!(value["congestion"], json!(["cubic"]));
        assert_eq!(value["kernel_missing"], json!([]));
        assert_eq!(value["samples"].as_array().unwrap().len(), 12);
        assert_eq!(
            value["samples"][0],
            json!({"round": 1, "workload": "tcp-1", "bridge": "ours", "count": 10_000_000_000u64,
                   "seconds": 2.0, "cpu_seconds": 4.0, "sent": null, "received": null,
                   "latency": null, "congestion": ["cubic", "cubic"]})
        );
        assert_eq!(value["rows"][0]["name"], "tcp-1");
        assert_eq!(value["rows"][0]["ratio"], 0.55);
        assert_eq!(value["rows"][1]["better"], "lower");
    }

    #[test]
    fn without_a_kernel_bridge_the_file_says_why() {
        let value = written(&alone());
        assert_eq!(value["kernel_missing"], json!(["this kernel has no bridge"]));
        assert_eq!(value["rows"][0]["kernel"], Value::Null);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_refused_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(folder.path()).is_err());
        let error = check(&folder.path().join("missing/bench.json")).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
        assert!(check(Path::new("bench.json")).is_ok());
    }

    #[test]
    fn a_file_that_is_there_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        fs::write(&path, "old").unwrap();
        write(&path, &example()).unwrap();
        assert_ne!(fs::read(&path).unwrap(), b"old");
    }
}
