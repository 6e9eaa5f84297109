//! Who holds a file?
//!
//! With an open file description lock (`man 2 fcntl`) one can ask whether a file is held without
//! taking it, and it is let go with the descriptor, however its process ends.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Takes the lock; false if somebody has it.
pub(super) fn take(file: &File) -> io::Result<bool> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file())) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Has somebody the lock, by another opening of the file?
pub(super) fn is_held(file: &File) -> bool {
    let mut question = whole_file();
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut question)).is_ok()
        && question.l_type != libc::F_UNLCK as libc::c_short
}

/// Is this file still the one at `path`?
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.ino() == file.metadata()?.ino())
}

/// An exclusive lock of a whole file.
fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}
