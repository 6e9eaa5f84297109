//! Which names can a network and its interfaces have?

use super::fault::{InterfaceFault, NameFault};
use dataplane::port::INTERFACE_NAME_MAX;
use std::fmt;
use std::str::FromStr;

/// A network's name: 1 to 15 of the characters `[A-Za-z0-9_.-]`, not starting with `.` or `-`.
///
/// It is fit to be an interface name and, with or without a port's number behind it, a file name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetworkName(String);

impl NetworkName {
    /// Files that the state directory has beside the networks' folders.
    const RESERVED: [&'static str; 2] = ["api.sock", "daemon.lock"];

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of port `number` and of its namespace: `NAME-1`, `NAME-2`, …
    pub fn port(&self, number: u32) -> String {
        format!("{}-{number}", self.0)
    }
}

impl FromStr for NetworkName {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        check_characters(text, INTERFACE_NAME_MAX)?;
        if text.len() > INTERFACE_NAME_MAX {
            return Err(NameFault::TooLong(text.to_owned()));
        }
        check_start(text)?;
        if Self::RESERVED.contains(&text) {
            return Err(NameFault::File(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

fn check_characters(text: &str, most: usize) -> Result<(), NameFault> {
    if text.is_empty() {
        return Err(NameFault::Empty { most });
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    match text.chars().find(|c| !allowed(*c)) {
        Some(character) => Err(NameFault::Character { name: text.to_owned(), character }),
        None => Ok(()),
    }
}

fn check_start(text: &str) -> Result<(), NameFault> {
    if text.starts_with(['.', '-']) { Err(NameFault::Start(text.to_owned())) } else { Ok(()) }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A sandbox's name: 1 to 63 of the characters `[A-Za-z0-9_.-]`, not starting with `.` or `-`, and no
/// word that means something else where sandboxes are named.
///
/// It is the name of its port in each of its networks and, for a namespace that we make, its file's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SandboxName(String);

impl SandboxName {
    /// Most characters: as many as a label of a host's name can have (RFC 1035 section 2.3.4).
    pub const MAX: usize = 63;

    /// Places of rules, and what `capture` and `--isolate` call every port.
    const RESERVED: [&'static str; 4] = ["namespaces", "host", "outside", "all"];

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The sandbox of port `number` of a network that was made by number.
    pub(crate) fn of_port(network: &NetworkName, number: u32) -> Self {
        // 15 characters, a hyphen, and four digits at most; a hyphen is in no reserved word.
        Self(network.port(number))
    }
}

impl FromStr for SandboxName {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        check_characters(text, Self::MAX)?;
        if text.len() > Self::MAX {
            return Err(NameFault::SandboxTooLong(text.to_owned()));
        }
        check_start(text)?;
        if Self::RESERVED.contains(&text) {
            return Err(NameFault::Reserved(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SandboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of a network interface as the kernel takes it (`dev_valid_name`), and no pattern: 1 to 15
/// printable ASCII characters without `/`, `:`, `%` and spaces. The kernel also takes most other bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// Names that are directories or have a meaning of their own in `/proc/sys/net/ipv*/conf`.
    const RESERVED: [&'static str; 4] = [".", "..", "all", "default"];

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InterfaceName {
    type Err = InterfaceFault;

    fn from_str(text: &str) -> Result<Self, InterfaceFault> {
        if text.is_empty() {
            return Err(InterfaceFault::Empty);
        }
        let refused = |c: char| !c.is_ascii_graphic() || matches!(c, '/' | ':' | '%');
        if let Some(character) = text.chars().find(|c| refused(*c)) {
            return Err(InterfaceFault::Character { name: text.to_owned(), character });
        }
        if text.len() > INTERFACE_NAME_MAX {
            return Err(InterfaceFault::TooLong(text.to_owned()));
        }
        if Self::RESERVED.contains(&text) {
            return Err(InterfaceFault::Reserved(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_name_is_a_short_plain_word() {
        for good in ["ub0", "a", "0", "web_1.test-x", "abcdefghijklmno"] {
            assert_eq!(good.parse::<NetworkName>().unwrap().as_str(), good);
        }
        assert_eq!("".parse::<NetworkName>(), Err(NameFault::Empty { most: 15 }));
        let name = |text: &str| text.to_owned();
        assert_eq!(
            "abcdefghijklmnop".parse::<NetworkName>(),
            Err(NameFault::TooLong(name("abcdefghijklmnop")))
        );
        for (bad, character) in
            [("a/b", '/'), ("a b", ' '), ("a%d", '%'), ("ü", 'ü'), ("a\n", '\n')]
        {
            assert_eq!(
                bad.parse::<NetworkName>(),
                Err(NameFault::Character { name: name(bad), character })
            );
        }
        for bad in ["api.sock", "daemon.lock"] {
            assert_eq!(bad.parse::<NetworkName>(), Err(NameFault::File(name(bad))));
        }
        for bad in [".", "..", ".a", "-a"] {
            assert_eq!(bad.parse::<NetworkName>(), Err(NameFault::Start(name(bad))));
        }
    }

    #[test]
    fn an_interface_name_is_one_that_the_kernel_takes() {
        for good in ["ub0", "br-abc", "a@b", "abcdefghijklmno"] {
            assert!(good.parse::<InterfaceName>().is_ok(), "{good}");
        }
        for bad in ["", "a/b", "a:1", "tap%d", "a b", "été", "abcdefghijklmnop", ".", "..", "all"]
        {
            assert!(bad.parse::<InterfaceName>().is_err(), "{bad:?}");
        }
    }
}
