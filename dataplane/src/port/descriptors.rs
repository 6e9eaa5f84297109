//! What if there are no more file descriptors?
//!
//! The kernel says "Too many open files", and means those of a process (`EMFILE`; `RLIMIT_NOFILE` in
//! `getrlimit(2)`). Whoever makes ports has raised the soft limit as far as it goes; only the user can
//! raise the hard one.

use rustix::io::Errno;
use std::io;

/// The process may not open another file.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}; raise the limit (`ulimit -n`, and `ulimit -Hn` for the hard one) or have fewer ports"
)]
struct NoMore(io::Error);

/// Adds what to do about it to an error that says there are no more descriptors; hands back any other.
pub(super) fn explained(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) {
        io::Error::new(error.kind(), NoMore(error))
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_more_descriptors_is_told_what_to_do() {
        let of = |errno: Errno| explained(errno.into()).to_string();
        let told = of(Errno::MFILE);
        assert!(told.starts_with("Too many open files (os error 24); raise the limit"), "{told}");
        assert!(told.contains("`ulimit -n`"), "{told}");
        assert_eq!(of(Errno::PERM), "Operation not permitted (os error 1)");
    }
}
