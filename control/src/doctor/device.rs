//! Can TAPs be made through the device node?

use super::Finding;
use dataplane::port::tap::TUN_DEVICE;
use nix::errno::Errno;
use nix::unistd::geteuid;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

const SUBJECT: &str = "device node";

/// Why the device node of TAPs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is no node.
    #[error(
        "there is no {TUN_DEVICE}: as root, load its driver with `modprobe tun`; where it is built in \
         or in a container, make the node with `mkdir -p /dev/net && mknod -m 666 {TUN_DEVICE} c 10 200`"
    )]
    Missing,
    /// There is a node and no driver behind it.
    #[error(
        "{TUN_DEVICE} has no driver behind it: as root, load it with `modprobe tun`, or use a kernel \
         with CONFIG_TUN"
    )]
    NoDriver,
    /// The node's mode keeps this user out.
    #[error(
        "no permission to open {TUN_DEVICE} (its mode is {mode:04o}, its owner {owner}): run as root, \
         or open its mode with `chmod 666 {TUN_DEVICE}` as root: users can then make TAPs, but only in \
         namespaces of their own"
    )]
    Mode {
        /// Its permission bits.
        mode: u32,
        /// Its owner's user id.
        owner: u32,
    },
    /// Something beside the mode keeps even a privileged process out.
    #[error(
        "no permission to open {TUN_DEVICE}, though its mode would allow it: a device cgroup or a \
         security module forbids it; in a container, allow the device (`--device {TUN_DEVICE}`)"
    )]
    Forbidden,
    /// Something else.
    #[error("cannot open {TUN_DEVICE}: {0}; is it the character device 10:200?")]
    Other(#[source] io::Error),
}

/// Opens the node and closes it again, which makes nothing.
pub(super) fn check() -> Result<(), DeviceError> {
    match OpenOptions::new().read(true).write(true).open(TUN_DEVICE) {
        Ok(file) if is_character_device(&file) => Ok(()),
        Ok(_) => Err(DeviceError::Other(Errno::ENODEV.into())),
        Err(error) => Err(judge(error)),
    }
}

fn is_character_device(file: &File) -> bool {
    file.metadata().is_ok_and(|data| data.file_type().is_char_device())
}

fn judge(error: io::Error) -> DeviceError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENOTDIR) => DeviceError::Missing,
        Some(Errno::ENXIO | Errno::ENODEV) => DeviceError::NoDriver,
        Some(Errno::EPERM) => DeviceError::Forbidden,
        Some(Errno::EACCES) => match std::fs::metadata(TUN_DEVICE) {
            Ok(data) => denied(data.mode() & 0o7777, data.uid()),
            Err(error) => DeviceError::Other(error),
        },
        _ => DeviceError::Other(error),
    }
}

/// Who is root in a user namespace alone is kept out by the mode like everybody else.
fn denied(mode: u32, owner: u32) -> DeviceError {
    let allowed = if owner == geteuid().as_raw() { 0o600 } else { 0o006 };
    if mode & allowed == allowed {
        DeviceError::Forbidden
    } else {
        DeviceError::Mode { mode, owner }
    }
}

/// The same for the report.
pub(super) fn finding() -> Finding {
    match check() {
        Ok(()) => match std::fs::metadata(TUN_DEVICE).map(|data| data.mode() & 0o7777) {
            Ok(mode) if mode & 0o006 != 0o006 => Finding::ok(
                SUBJECT,
                format!("{TUN_DEVICE} opens; its mode {mode:04o} keeps other users out"),
            ),
            _ => Finding::ok(SUBJECT, format!("{TUN_DEVICE} opens")),
        },
        Err(error) => {
            let text = error.to_string();
            let (found, advice) = text.split_once(": ").unwrap_or((&text, ""));
            Finding::lacks(SUBJECT, found, advice).stops(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(errno: Errno) -> String {
        judge(errno.into()).to_string()
    }

    #[test]
    fn each_obstacle_comes_with_its_way_out() {
        assert!(judged(Errno::ENOENT).contains("modprobe tun"));
        assert!(judged(Errno::ENXIO).contains("CONFIG_TUN"));
        assert!(judged(Errno::EPERM).contains("--device /dev/net/tun"));
        assert!(judged(Errno::EIO).contains("10:200"));
        let other = geteuid().as_raw() + 1;
        assert!(matches!(denied(0o666, other), DeviceError::Forbidden));
        assert!(matches!(denied(0o600, geteuid().as_raw()), DeviceError::Forbidden));
        let mode = denied(0o600, other).to_string();
        assert!(mode.contains("its mode is 0600") && mode.contains("run as root"), "{mode}");
    }
}
