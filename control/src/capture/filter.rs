//! Which frames are wanted, in the words of pcap-filter(7)?
//!
//! ```text
//! filter    := operand { ("and" | "&&" | "or" | "||") operand }
//! operand   := ("not" | "!") operand | "(" filter ")" | primitive
//! primitive := protocol [what] | what
//! what      := ["src" | "dst"] ("host" ADDRESS | "net" PREFIX | "port" NUMBER)
//! protocol  := "ip" | "ip6" | "arp" | "icmp" | "icmp6" | "tcp" | "udp"
//! ```
//!
//! As there, `and` and `or` bind alike, from the left; `not` binds more. `tcp port 80` is `tcp and port
//! 80`. A filter without words is all frames. Whatever is written here means the same there; the reverse
//! is not so: most of its words are not known here, and refused.
//!
//! Limits: [`MAX_LENGTH`].

use dataplane::capture::{Filter, Protocol, Side};
use ipnet::IpNet;
use std::iter::Peekable;
use std::net::IpAddr;
use std::ops::Range;
use std::vec::IntoIter;

/// Longest filter in bytes: a line or two of a terminal. It bounds how deep parentheses go, too.
pub const MAX_LENGTH: usize = 256;

/// Why a filter is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter: {problem}\n  {text}\n  {indent}{mark}", indent = " ".repeat(self.column()), mark = "^".repeat(self.width()))]
pub struct FilterError {
    /// What is wrong.
    pub problem: FilterProblem,
    /// The filter.
    pub text: String,
    /// Where in it, in bytes.
    pub span: Range<usize>,
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterProblem {
    /// Too much of it.
    #[error("it may be {MAX_LENGTH} bytes long")]
    TooLong,
    /// A word that is none here.
    #[error(
        "there is no {0:?} here; the words are host, net, port, src, dst, tcp, udp, icmp, icmp6, arp, ip, ip6, and, or, not"
    )]
    Unknown(String),
    /// It ends too early.
    #[error("{0} is missing at the end")]
    Missing(&'static str),
    /// Something else should be here.
    #[error("here should be {0}")]
    Expected(&'static str),
    /// A protocol without ports is asked for one.
    #[error("{0} has no ports")]
    NoPorts(&'static str),
    /// An address of the other family.
    #[error("{0} has no such addresses")]
    Family(&'static str),
}

impl FilterError {
    /// How many characters are before the mark.
    fn column(&self) -> usize {
        self.text.get(..self.span.start).map_or(0, |before| before.chars().count())
    }

    fn width(&self) -> usize {
        self.text.get(self.span.clone()).map_or(1, |marked| marked.chars().count().max(1))
    }
}

/// A word, and where it stands.
type Word<'t> = (&'t str, Range<usize>);

type Parsed<T> = Result<T, (FilterProblem, Range<usize>)>;

/// Reads a filter.
///
/// # Errors
/// [`FilterError`] with the place in the text.
pub fn parse(text: &str) -> Result<Filter, FilterError> {
    let refuse = |text: &str, (problem, span)| FilterError {
        problem,
        // A tab or an escape sequence would shift the mark.
        text: text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        span,
    };
    if text.len() > MAX_LENGTH {
        // As much of it as may be, and the mark behind that.
        let end = text.floor_char_boundary(MAX_LENGTH);
        return Err(refuse(&text[..end], (FilterProblem::TooLong, end..end)));
    }
    let words = words(text);
    if words.is_empty() {
        return Ok(Filter::All);
    }
    let mut parser = Parser { words: words.into_iter().peekable(), end: text.len() };
    let filter = parser.filter().map_err(|fault| refuse(text, fault))?;
    match parser.words.next() {
        None => Ok(filter),
        Some((_, span)) => Err(refuse(text, (FilterProblem::Expected("\"and\" or \"or\""), span))),
    }
}

/// The words of a text; parentheses and `!` are words of their own.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut begun = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let stands_alone = matches!(c, '(' | ')' | '!');
        if !stands_alone && !c.is_whitespace() {
            begun.get_or_insert(at);
            continue;
        }
        if let Some(start) = begun.take() {
            words.push((&text[start..at], start..at));
        }
        if stands_alone {
            words.push((&text[at..at + 1], at..at + 1));
        }
    }
    words
}

struct Parser<'t> {
    words: Peekable<IntoIter<Word<'t>>>,
    end: usize,
}

impl<'t> Parser<'t> {
    fn filter(&mut self) -> Parsed<Filter> {
        let mut filter = self.operand()?;
        while let Some((word, _)) = self.words.peek() {
            let join = match *word {
                "and" | "&&" => Filter::And,
                "or" | "||" => Filter::Or,
                _ => break,
            };
            self.words.next();
            filter = join(Box::new(filter), Box::new(self.operand()?));
        }
        Ok(filter)
    }

    fn operand(&mut self) -> Parsed<Filter> {
        match self.words.peek() {
            Some(("not" | "!", _)) => {
                self.words.next();
                Ok(Filter::Not(Box::new(self.operand()?)))
            }
            Some(("(", _)) => {
                self.words.next();
                let filter = self.filter()?;
                match self.next("a closing parenthesis")? {
                    (")", _) => Ok(filter),
                    (_, span) => Err((FilterProblem::Expected("\"and\", \"or\" or \")\""), span)),
                }
            }
            _ => self.primitive(),
        }
    }

    fn primitive(&mut self) -> Parsed<Filter> {
        let Some((word, _)) = self.words.peek() else {
            return self.what(None);
        };
        let Some((name, protocol)) = protocol(word) else { return self.what(None) };
        self.words.next();
        let of_protocol = Filter::Protocol(protocol);
        match self.words.peek() {
            Some(("src" | "dst" | "host" | "net" | "port", _)) => {
                let what = self.what(Some((name, protocol)))?;
                Ok(Filter::And(Box::new(of_protocol), Box::new(what)))
            }
            _ => Ok(of_protocol),
        }
    }

    fn what(&mut self, of: Option<(&'static str, Protocol)>) -> Parsed<Filter> {
        let mut word = self.next("a word like \"host\"")?;
        let side = match word.0 {
            "src" => Side::Source,
            "dst" => Side::Destination,
            _ => Side::Either,
        };
        if side != Side::Either {
            word = self.next("\"host\", \"net\" or \"port\"")?;
        }
        match word {
            ("host", _) => {
                let (text, span) = self.next("an address")?;
                let address: IpAddr = text
                    .parse()
                    .map_err(|_| (FilterProblem::Expected("an address"), span.clone()))?;
                self.net(side, address.into(), of, span)
            }
            ("net", _) => {
                let (text, span) = self.next("a prefix like 10.0.0.0/8")?;
                let net: IpNet = text.parse().map_err(|_| {
                    (FilterProblem::Expected("a prefix like 10.0.0.0/8"), span.clone())
                })?;
                self.net(side, net.trunc(), of, span)
            }
            ("port", span) => {
                if let Some((name, protocol)) = of
                    && matches!(protocol, Protocol::Arp | Protocol::Icmp | Protocol::Icmp6)
                {
                    return Err((FilterProblem::NoPorts(name), span));
                }
                let (text, span) = self.next("a port")?;
                let port = text.parse();
                port.map(|port| Filter::Port(side, port))
                    .map_err(|_| (FilterProblem::Expected("a port from 0 to 65535"), span))
            }
            (_, span) if side != Side::Either => {
                Err((FilterProblem::Expected("\"host\", \"net\" or \"port\""), span))
            }
            (word @ (")" | "and" | "or" | "&&" | "||"), span) => {
                let _ = word;
                Err((FilterProblem::Expected("a word like \"host\""), span))
            }
            (word, span) => Err((FilterProblem::Unknown(word.to_owned()), span)),
        }
    }

    fn net(
        &self,
        side: Side,
        net: IpNet,
        of: Option<(&'static str, Protocol)>,
        span: Range<usize>,
    ) -> Parsed<Filter> {
        let is_v4 = matches!(net, IpNet::V4(_));
        match of {
            Some((name, Protocol::Ip | Protocol::Arp | Protocol::Icmp)) if !is_v4 => {
                Err((FilterProblem::Family(name), span))
            }
            Some((name, Protocol::Ip6 | Protocol::Icmp6)) if is_v4 => {
                Err((FilterProblem::Family(name), span))
            }
            _ => Ok(Filter::Net(side, net)),
        }
    }

    fn next(&mut self, missing: &'static str) -> Parsed<Word<'t>> {
        self.words.next().ok_or((FilterProblem::Missing(missing), self.end..self.end))
    }
}

fn protocol(word: &str) -> Option<(&'static str, Protocol)> {
    let known = [
        ("arp", Protocol::Arp),
        ("ip", Protocol::Ip),
        ("ip6", Protocol::Ip6),
        ("tcp", Protocol::Tcp),
        ("udp", Protocol::Udp),
        ("icmp", Protocol::Icmp),
        ("icmp6", Protocol::Icmp6),
    ];
    known.into_iter().find(|(name, _)| *name == word)
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
