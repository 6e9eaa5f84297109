//! How is a file of rules read?
//!
//! Only its bytes are looked at here; what they say is [`crate::model::rules`]'s to judge.

use crate::model::rules::RulesFile;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest file: 65,536 rules of 256 bytes each.
const MAX_LENGTH: u64 = 16 << 20;

/// A file of rules cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RulesFileError {
    /// The kernel refuses.
    #[error("{option} {}: {source}; give a file that this user may read", path.display())]
    Unreadable {
        /// The option that named it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// It is too long.
    #[error("{option} {}: a file of rules can have {} MiB at most", path.display(), MAX_LENGTH >> 20)]
    TooLong {
        /// The option that named it.
        option: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// It is no text.
    #[error("{option} {}: there is no UTF-8 text at byte {at}; is it the right file?", path.display())]
    NoText {
        /// The option that named it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// Where the text ends, from 0.
        at: usize,
    },
}

/// Reads the whole file that an option names.
///
/// # Errors
/// [`RulesFileError`] if that cannot be done.
pub(in crate::cli) fn read(option: &'static str, path: &Path) -> Result<RulesFile, RulesFileError> {
    let unreadable = |source| RulesFileError::Unreadable { option, path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let length = file.take(MAX_LENGTH + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if length as u64 > MAX_LENGTH {
        return Err(RulesFileError::TooLong { option, path: path.to_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        RulesFileError::NoText { option, path: path.to_owned(), at }
    })?;
    Ok(RulesFile { path: path.display().to_string(), text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_read_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.toml");
        fs::write(&path, "version = 1\n").unwrap();
        let file = read("--rules", &path).unwrap();
        assert_eq!((file.path, &*file.text), (path.display().to_string(), "version = 1\n"));
        File::create(&path).unwrap().set_len(MAX_LENGTH).unwrap();
        assert_eq!(read("--rules", &path).unwrap().text.len() as u64, MAX_LENGTH);
        File::create(&path).unwrap().set_len(MAX_LENGTH + 1).unwrap();
        assert!(matches!(read("--rules", &path), Err(RulesFileError::TooLong { .. })));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |path: &Path| read("--rules", path).unwrap_err().to_string();
        let none = refusal(&folder.path().join("none"));
        assert!(none.starts_with("--rules ") && none.contains("none: No such file"), "{none}");
        assert!(refusal(folder.path()).contains("Is a directory"));
        let path = folder.path().join("r.toml");
        fs::write(&path, b"ab\xff").unwrap();
        assert!(refusal(&path).contains("no UTF-8 text at byte 2"));
    }
}
