//! How are the samples kept, and read again?
//!
//! ```text
//!   { "program": "udp-bridge bench", "format": 3, "congestion": […], "rows": [ one for each figure ],
//!     "machine": {…}, "busy_before": 0.01, "elapsed_seconds": 55.1, "settings": {…}, "labels": […],
//!     "standings": […], "absences": […], "failures": […], "samples": [ one for each measurement ] }
//! ```
//!
//! All but the first four is the `Measurement`, from which the rows can be reckoned again.

use super::measurement::{Measurement, Row};
use serde::Serialize;
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the file says it is of.
const PROGRAM: &str = "udp-bridge bench";
/// Number of the file's shape; a change that old readers would misread raises it.
const FORMAT: u32 = 3;

/// Why a file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// It is no JSON, or broken off.
    #[error("{} is no JSON: {source}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Where it breaks.
        #[source]
        source: serde_json::Error,
    },
    /// It is JSON of something else.
    #[error("{} is JSON, but not what `udp-bridge bench --json` writes", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was written by another version.
    #[error(
        "{} has format {found}, and this version reads {FORMAT}: measure again with this version",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// It says that it is one of ours, and something in it is not as it should be.
    #[error("{} is damaged: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Serialize)]
struct Document<'a> {
    program: &'static str,
    format: u32,
    congestion: Vec<&'a str>,
    rows: Vec<Row>,
    #[serde(flatten)]
    measurement: &'a Measurement,
}

/// The text of the file.
///
/// # Errors
/// A figure is no number that JSON has.
pub(super) fn text(measurement: &Measurement) -> Result<Vec<u8>, serde_json::Error> {
    let document = Document {
        program: PROGRAM,
        format: FORMAT,
        congestion: measurement.congestion(),
        rows: measurement.rows(),
        measurement,
    };
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    Ok(text)
}

/// Reads a file that was written before.
///
/// # Errors
/// [`JsonError`] says what is wrong with it.
pub(super) fn read(path: &Path) -> Result<Measurement, JsonError> {
    let path = path.to_owned();
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(source) => return Err(JsonError::Read { path, source }),
    };
    let value: Value = match serde_json::from_slice(&text) {
        Ok(value) => value,
        Err(source) => return Err(JsonError::Broken { path, source }),
    };
    // Before there was a word for the program there was a format and a machine.
    let ours =
        value["program"] == PROGRAM || (value["format"].is_u64() && value["machine"].is_object());
    if !ours {
        return Err(JsonError::Foreign { path });
    }
    if value["format"] != FORMAT {
        let found = value["format"].to_string();
        return Err(JsonError::Format { path, found });
    }
    serde_json::from_value(value).map_err(|source| JsonError::Damaged { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measurement::tests::{alone, example};
    use serde_json::json;

    fn written(measurement: &Measurement) -> Value {
        serde_json::from_slice(&text(measurement).unwrap()).unwrap()
    }

    fn refused(text: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        error.replace(&path.display().to_string(), "FILE")
    }

    #[test]
    fn the_file_has_every_sample_and_the_table() {
        let value = written(&example());
        assert_eq!((&value["program"], &value["format"]), (&json!(PROGRAM), &json!(3)));
        assert_eq!(value["machine"]["cores"], 2);
        assert_eq!(value["settings"]["workloads"], json!(["tcp-1", "tcp-rr", "udp-18"]));
        assert_eq!(value["settings"]["systems"], json!(["ours", "kernel"]));
        assert_eq!(value["congestion"], json!(["cubic"]));
        assert_eq!(value["samples"].as_array().unwrap().len(), 12);
        assert_eq!(value["samples"][0]["system"], "ours");
        assert_eq!(value["samples"][0]["count"], 10_000_000_000u64);
        assert_eq!(value["rows"][0]["name"], "tcp-1");
        assert_eq!(value["rows"][0]["cells"][0]["ratio"], 0.55);
        assert_eq!(value["rows"][1]["better"], "lower");
        assert_eq!(written(&alone())["absences"][0]["why"], "this kernel has no bridge");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        fs::write(&path, text(&example()).unwrap()).unwrap();
        assert_eq!(read(&path).unwrap(), example());
    }

    #[test]
    fn other_files_are_refused_in_words() {
        let whole = text(&example()).unwrap();
        assert!(refused(&whole[..whole.len() / 2]).starts_with("FILE is no JSON: EOF"));
        assert_eq!(
            refused(br#"{"start": {}, "intervals": []}"#),
            "FILE is JSON, but not what `udp-bridge bench --json` writes"
        );
        assert!(refused(b"[1]").starts_with("FILE is JSON, but not"));
        assert!(refused(br#"{"format": 2, "machine": {}}"#).starts_with("FILE has format 2"));
        let mut damaged = written(&example());
        damaged["samples"][0]["workload"] = json!("tcp-0");
        let words = refused(damaged.to_string().as_bytes());
        assert_eq!(words, "FILE is damaged: no workload is named \"tcp-0\"");
    }
}
