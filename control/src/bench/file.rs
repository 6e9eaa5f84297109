//! How does a result get into a file, whole or not at all?
//!
//! It is written to a temporary file beside its place, and that is renamed. Where the disk is full, nothing
//! is left under either name, and what stood there before stays.

use nix::unistd::{AccessFlags, access};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why the file is not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the result to {}: {source}", path.display())]
pub struct FileError {
    /// The file as asked for.
    pub path: PathBuf,
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}

/// Whether the file can be written, as far as one can know beforehand: nobody wants to learn it after
/// minutes of measuring.
///
/// # Errors
/// Its directory is missing or may not be written to, or the place is a directory's.
pub(super) fn check(path: &Path) -> Result<(), FileError> {
    let failed = |source| FileError { path: path.to_owned(), source };
    if path.is_dir() || path.file_name().is_none() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    access(directory(path), AccessFlags::W_OK | AccessFlags::X_OK)
        .map_err(|errno| failed(errno.into()))
}

/// Writes the file.
///
/// # Errors
/// [`FileError`]; then nothing was changed.
pub(super) fn write(path: &Path, contents: &[u8]) -> Result<(), FileError> {
    let temporary = temporary(path);
    write_as(&temporary, path, contents).map_err(|source| {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
        FileError { path: path.to_owned(), source }
    })
}

fn write_as(temporary: &Path, path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(temporary)?;
    file.write_all(contents)?;
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

    #[test]
    fn a_place_that_cannot_be_written_is_refused_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(folder.path()).is_err());
        let error = check(&folder.path().join("missing/bench.json")).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
        assert!(check(Path::new("bench.json")).is_ok());
    }

    #[test]
    fn a_file_that_is_there_is_replaced_and_no_temporary_one_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        fs::write(&path, "old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
