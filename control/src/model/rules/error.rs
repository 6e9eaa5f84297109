//! Why is a file of rules refused?

use super::position::{Excerpt, Positions};
use crate::model::NameFault;
use dataplane::config::{MAX_RULES, RuleError};
use ipnet::IpNet;
use std::ops::Range;

/// What is wrong with a file of rules, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("--rules {file}:{line}:{column}: {problem}{excerpt}")]
pub struct RulesError {
    /// The file's path as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: RulesProblem,
    excerpt: Excerpt,
}

/// What is wrong with a file of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesProblem {
    /// It is no TOML.
    #[error("{0}")]
    Syntax(String),
    /// The file does not say how it is to be read.
    #[error("the file must say `version = 1` before its first rule")]
    VersionMissing,
    /// The file is of a later version of the program.
    #[error("version: this program reads version 1 only")]
    Version,
    /// There is no such field.
    #[error("there is no field {field:?} here; the fields are {}", known.join(", "))]
    UnknownField {
        /// The field as written.
        field: String,
        /// Those that there are.
        known: &'static [&'static str],
    },
    /// A value of another type.
    #[error("{field} must be {expected}")]
    Type {
        /// The field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A list that nothing can match.
    #[error("{0}: the list is empty; leave the field out to match everything")]
    EmptyList(&'static str),
    /// More rules than are compiled.
    #[error("there may be {MAX_RULES} rules, not {0}")]
    TooMany(usize),
    /// A rule that does not say what it does.
    #[error("the rule has no verdict; add `verdict = \"accept\"`, \"drop\" or \"reject\"")]
    VerdictMissing,
    /// A word for what becomes of a packet that is none.
    #[error("{field}: {given:?} is no verdict; write \"accept\", \"drop\" or \"reject\"")]
    Verdict {
        /// The field.
        field: &'static str,
        /// What was written.
        given: String,
    },
    /// A place that is none.
    #[error(
        "{field}: there is no port {given:?}; the ports are {known}, and other places are \
         \"namespaces\", \"host\" and \"outside\""
    )]
    Place {
        /// The field.
        field: &'static str,
        /// What was written.
        given: String,
        /// The names of the network's ports.
        known: String,
    },
    /// A name that no sandbox can have.
    #[error(
        "{field}: {fault}; places besides sandboxes are \"namespaces\", \"host\", \"outside\" and \
         \"network:NAME\""
    )]
    Name {
        /// The field.
        field: &'static str,
        /// What is wrong with the name.
        #[source]
        fault: NameFault,
    },
    /// A name that no network can have.
    #[error("{field}: {fault}; another network is written like \"network:back\"")]
    Network {
        /// The field.
        field: &'static str,
        /// What is wrong with the name.
        #[source]
        fault: NameFault,
    },
    /// Another network, where there is no file that has it.
    #[error(
        "{0}: the rules of a network of a file can name other networks, these cannot: make both \
         networks with `up -f`"
    )]
    NetworkAlone(&'static str),
    /// A protocol without a name here.
    #[error(
        "protocol: {0:?} is not known here; write \"tcp\", \"udp\", \"icmp\", \"icmpv6\" or a number"
    )]
    Protocol(String),
    /// A number that no protocol can have.
    #[error("protocol: a protocol's number goes from 0 to 255")]
    ProtocolNumber,
    /// A prefix that cannot be read.
    #[error(
        "{field}: {given:?} is no address or prefix; write it like \"172.16.1.3\", \"10.0.0.0/8\" or \
         \"fd00::/8\""
    )]
    Prefix {
        /// The field.
        field: &'static str,
        /// What was written.
        given: String,
    },
    /// A prefix with an address of a host.
    #[error("{field}: {given} has bits set behind its prefix; the prefix is {right}")]
    HostBits {
        /// The field.
        field: &'static str,
        /// What was written.
        given: IpNet,
        /// The same without the host's bits.
        right: IpNet,
    },
    /// A port that cannot be read.
    #[error(
        "{field}: {given:?} is no port; write a number from 1 to 65535, or a range like \"8000-8010\""
    )]
    Port {
        /// The field.
        field: &'static str,
        /// What was written.
        given: String,
    },
    /// A number that no port can have.
    #[error("{0}: a port's number goes from 1 to 65535")]
    PortNumber(&'static str),
    /// A range that ends before it begins.
    #[error("{field}: the range {first}-{last} ends before it begins; write {last}-{first}")]
    PortsBackwards {
        /// The field.
        field: &'static str,
        /// The first port.
        first: u16,
        /// The last port.
        last: u16,
    },
    /// A state that is none.
    #[error(
        "state: {0:?} is no state; write \"new\", \"established\", \"related\", \"invalid\" or \
         \"untracked\""
    )]
    State(String),
    /// The fields of a rule do not go together.
    #[error("{0}")]
    Contradiction(#[from] RuleError),
}

/// A problem at some bytes of the file.
#[derive(Debug)]
pub(crate) struct Misplaced {
    /// The bytes.
    pub(crate) span: Range<usize>,
    /// What is wrong with them.
    pub(crate) problem: RulesProblem,
}

impl Misplaced {
    /// A problem with what stands at `span`.
    pub(super) fn new(span: Range<usize>, problem: RulesProblem) -> Self {
        Self { span, problem }
    }

    /// What the TOML parser found.
    pub(super) fn syntax(error: &toml::de::Error) -> Self {
        let problem = RulesProblem::Syntax(error.message().to_owned());
        Self { span: error.span().unwrap_or_default(), problem }
    }

    /// The same for people.
    pub(super) fn locate(self, file: &str, positions: &Positions<'_>) -> RulesError {
        let (line, column) = positions.of_byte(self.span.start);
        let excerpt = positions.excerpt(&self.span);
        RulesError { file: file.to_owned(), line, column, problem: self.problem, excerpt }
    }
}
