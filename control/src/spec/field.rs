//! Which field of the file is it?

use std::fmt;

/// The way to a field: `networks.front.publish[1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Segment {
    Key(String),
    /// Of a list, from 0.
    Index(usize),
}

impl Field {
    /// The file itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// A field of a network.
    pub fn network(name: &impl ToString, key: &str) -> Self {
        Self::root().key("networks").key(&name.to_string()).key(key)
    }

    /// A sandbox.
    pub fn sandbox(name: &impl ToString) -> Self {
        Self::root().key("sandboxes").key(&name.to_string())
    }

    /// An endpoint.
    pub fn endpoint(sandbox: &impl ToString, network: &impl ToString) -> Self {
        Self::sandbox(sandbox).key("endpoints").key(&network.to_string())
    }

    /// The field `key` in this one; an empty key is this one itself.
    pub fn key(mut self, key: &str) -> Self {
        if !key.is_empty() {
            self.0.push(Segment::Key(key.to_owned()));
        }
        self
    }

    /// The value at `index`, from 0, of the list that this one is.
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Segment::Index(index));
        self
    }

    /// What this one is in; `None` for the file itself.
    pub fn parent(&self) -> Option<Self> {
        let (_, parent) = self.0.split_last()?;
        Some(Self(parent.to_vec()))
    }

    /// Is this the file itself?
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// What this one is in, if the words begin with its own name and a colon.
    pub(super) fn without(self, words: &str) -> Self {
        let is_own = |key: &str| words.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
        match self.0.iter().rposition(|one| matches!(one, Segment::Key(key) if is_own(key))) {
            Some(at) => Self(self.0[..at].to_vec()),
            None => self,
        }
    }

    /// The last keys, innermost first.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().rev().filter_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        })
    }
}

/// A key as TOML has it: in quotation marks if it is not of letters, digits, `_` and `-` alone.
pub(super) fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { format!("{key:?}") }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if number == 0 => write!(f, "{}", quoted(key))?,
                Segment::Key(key) => write!(f, ".{}", quoted(key))?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_written_as_toml_has_it() {
        assert_eq!(
            Field::network(&"front", "publish").index(1).to_string(),
            "networks.front.publish[1]"
        );
        let dotted = Field::endpoint(&"a.b", &"front").key("mac");
        assert_eq!(dotted.to_string(), r#"sandboxes."a.b".endpoints.front.mac"#);
        assert_eq!(dotted.parent(), Some(Field::endpoint(&"a.b", &"front")));
        assert_eq!(Field::network(&"front", ""), Field::root().key("networks").key("front"));
        assert!(Field::root().is_root() && Field::root().parent().is_none());
    }
}
