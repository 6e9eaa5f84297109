//! Is this new connection one that was announced?

use crate::clock::Time;
use crate::flow::{Address, Tuple};
use crate::wire::tcp;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::time::Duration;

/// Most expectations at once. An FTP client waits for one data connection at a time, so this is as
/// many transfers that begin in the same moment.
pub const MAX_EXPECTATIONS: usize = 1024;

/// How long an announced connection may take to come, as in the kernel (`ftp_exp_policy`).
pub const EXPECTATION_TIMEOUT: Duration = Duration::from_secs(300);

/// A connection that was announced, and what the caller hung on it: where it is to be translated to,
/// and the lease of its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation<A, T> {
    /// Who will connect, from any port; as its first packet will arrive here.
    pub from: A,
    /// The address and port that it will connect to; as its first packet will arrive here.
    pub to: (A, u16),
    /// The control connection's number.
    pub control: u32,
    /// What hangs on it.
    pub hung: T,
}

/// There are [`MAX_EXPECTATIONS`]; what was to be expected is handed back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_EXPECTATIONS} connections are expected already: one more cannot be")]
pub struct Full<A, T>(pub Expectation<A, T>);

/// The connections that are expected.
#[derive(Clone, Debug)]
pub struct Expectations<A, T> {
    by_ends: HashMap<Ends<A>, Waiting<A, T>, RandomState>,
}

/// Who will connect, and to which address and port.
type Ends<A> = (A, A, u16);

/// Until when something is expected, and what.
type Waiting<A, T> = (Time, Expectation<A, T>);

/// The expectations whose place another one took.
pub type Replaced<A, T> = [Option<Expectation<A, T>>; 2];

impl<A: Address, T> Expectations<A, T> {
    /// Nothing is expected.
    pub fn new() -> Self {
        Self { by_ends: HashMap::default() }
    }

    /// Expects a connection from now on for [`EXPECTATION_TIMEOUT`]. Returns those that it takes the
    /// place of: what its control connection announced before, and what fits the same connection.
    ///
    /// # Errors
    /// [`Full`] beyond [`MAX_EXPECTATIONS`].
    pub fn expect(
        &mut self,
        expectation: Expectation<A, T>,
        now: Time,
    ) -> Result<Replaced<A, T>, Full<A, T>> {
        // The table is small, and announcements are rare.
        let earlier = self.forget(expectation.control);
        let ends = (expectation.from, expectation.to.0, expectation.to.1);
        if self.by_ends.len() >= MAX_EXPECTATIONS && !self.by_ends.contains_key(&ends) {
            return Err(Full(expectation));
        }
        let same = self.by_ends.insert(ends, (now + EXPECTATION_TIMEOUT, expectation));
        Ok([earlier, same.map(|(_, expectation)| expectation)])
    }

    /// The expectation that a new connection's first packet fulfils. It is used up.
    #[inline]
    pub fn take(&mut self, tuple: &Tuple<A>, now: Time) -> Option<Expectation<A, T>> {
        if self.by_ends.is_empty() || tuple.protocol != tcp::PROTOCOL {
            return None;
        }
        let ends = (tuple.source, tuple.destination, tuple.destination_port);
        let (until, _) = self.by_ends.get(&ends)?;
        // One that is over waits for `expire`, which hands back what hangs on it.
        if *until <= now {
            return None;
        }
        self.by_ends.remove(&ends).map(|(_, expectation)| expectation)
    }

    /// Nothing more is expected of this control connection, because it ended. Returns what was.
    pub fn forget(&mut self, control: u32) -> Option<Expectation<A, T>> {
        let mut of_control = self.by_ends.extract_if(|_, (_, it)| it.control == control);
        of_control.next().map(|(_, (_, expectation))| expectation)
    }

    /// Takes out what was expected until now. The work is bounded by [`MAX_EXPECTATIONS`].
    pub fn expire(&mut self, now: Time) -> impl Iterator<Item = Expectation<A, T>> {
        let over = self.by_ends.extract_if(move |_, (until, _)| *until <= now);
        over.map(|(_, (_, expectation))| expectation)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_ends.len()
    }

    /// Is nothing expected?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.by_ends.is_empty()
    }
}

impl<A: Address, T> Default for Expectations<A, T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
    const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn expectation(control: u32, port: u16) -> Expectation<Ipv4Addr, u32> {
        Expectation { from: CLIENT, to: (SERVER, port), control, hung: control }
    }

    fn syn(port: u16) -> Tuple<Ipv4Addr> {
        Tuple {
            source: CLIENT,
            destination: SERVER,
            source_port: 5,
            destination_port: port,
            protocol: 6,
        }
    }

    #[test]
    fn an_announced_connection_comes_once_and_in_time() {
        let (mut table, now) = (Expectations::new(), Time::START);
        table.expect(expectation(1, 5000), now).unwrap();
        table.expect(expectation(2, 5001), now).unwrap();
        assert_eq!(table.take(&syn(5002), now), None);
        assert_eq!(table.take(&Tuple { protocol: 17, ..syn(5000) }, now), None);
        assert_eq!(table.take(&Tuple { source: SERVER, ..syn(5000) }, now), None);
        assert_eq!(table.take(&syn(5000), now), Some(expectation(1, 5000)));
        assert_eq!(table.take(&syn(5000), now), None, "it is used up");

        let over = now + EXPECTATION_TIMEOUT;
        assert_eq!(table.take(&syn(5001), over), None);
        assert_eq!(table.expire(now).count(), 0);
        assert_eq!(table.expire(over).collect::<Vec<_>>(), [expectation(2, 5001)]);
        assert!(table.is_empty());
    }

    #[test]
    fn a_control_connection_expects_one_connection_at_a_time() {
        let (mut table, now) = (Expectations::new(), Time::START);
        assert_eq!(table.expect(expectation(1, 5000), now), Ok([None, None]));
        assert_eq!(table.expect(expectation(1, 5001), now), Ok([Some(expectation(1, 5000)), None]));
        assert_eq!(table.expect(expectation(2, 5001), now), Ok([None, Some(expectation(1, 5001))]));
        assert_eq!(table.forget(1), None);
        assert_eq!(table.forget(2), Some(expectation(2, 5001)));
        assert!(table.is_empty());
    }

    #[test]
    fn no_more_are_expected_than_the_limit_says() {
        let (mut table, now) = (Expectations::new(), Time::START);
        for index in 0..MAX_EXPECTATIONS as u16 {
            table.expect(expectation(index.into(), 5000 + index), now).unwrap();
        }
        let more = expectation(u32::MAX, 9);
        assert_eq!(table.expect(more.clone(), now), Err(Full(more)));
        assert!(table.expect(expectation(3, 9), now).is_ok(), "it takes its own one's place");
        assert_eq!(table.len(), MAX_EXPECTATIONS);
    }
}
