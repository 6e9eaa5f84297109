//! Which names can a network and its interfaces have?

use super::ModelError;
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
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        if text.is_empty() {
            return Err(ModelError::NameEmpty);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if let Some(character) = text.chars().find(|c| !allowed(*c)) {
            return Err(ModelError::NameCharacter { name: text.to_owned(), character });
        }
        if text.len() > INTERFACE_NAME_MAX {
            return Err(ModelError::NameTooLong(text.to_owned()));
        }
        if text.starts_with(['.', '-']) {
            return Err(ModelError::NameStart(text.to_owned()));
        }
        if Self::RESERVED.contains(&text) {
            return Err(ModelError::NameReserved(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for NetworkName {
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
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        if text.is_empty() {
            return Err(ModelError::InterfaceEmpty);
        }
        let refused = |c: char| !c.is_ascii_graphic() || matches!(c, '/' | ':' | '%');
        if let Some(character) = text.chars().find(|c| refused(*c)) {
            return Err(ModelError::InterfaceCharacter { name: text.to_owned(), character });
        }
        if text.len() > INTERFACE_NAME_MAX {
            return Err(ModelError::InterfaceTooLong(text.to_owned()));
        }
        if Self::RESERVED.contains(&text) {
            return Err(ModelError::InterfaceReserved(text.to_owned()));
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
        assert_eq!("".parse::<NetworkName>(), Err(ModelError::NameEmpty));
        let name = |text: &str| text.to_owned();
        assert_eq!(
            "abcdefghijklmnop".parse::<NetworkName>(),
            Err(ModelError::NameTooLong(name("abcdefghijklmnop")))
        );
        for (bad, character) in
            [("a/b", '/'), ("a b", ' '), ("a%d", '%'), ("ü", 'ü'), ("a\n", '\n')]
        {
            assert_eq!(
                bad.parse::<NetworkName>(),
                Err(ModelError::NameCharacter { name: name(bad), character })
            );
        }
        for bad in ["api.sock", "daemon.lock"] {
            assert_eq!(bad.parse::<NetworkName>(), Err(ModelError::NameReserved(name(bad))));
        }
        for bad in [".", "..", ".a", "-a"] {
            assert_eq!(bad.parse::<NetworkName>(), Err(ModelError::NameStart(name(bad))));
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
