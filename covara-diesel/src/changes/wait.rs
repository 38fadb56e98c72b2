//! Waits for changes.

use std::thread;
use std::time::{Duration, Instant};

use super::engine::{ChangeEngine, ChangeSignal};
use super::error::ChangeError;
use super::feed::Feed;
use super::pool::ChangePool;
use crate::backend::connection::BackendConnection;
use crate::backend::typed::with_typed;

/// The shortest pause between two looks for changes.
const SHORTEST: Duration = Duration::from_millis(10);

/// The longest pause between two looks, if nothing tells when to look.
const LONGEST: Duration = Duration::from_millis(400);

/// The longest pause if a signal tells when to look. It may miss something: a database file that is
/// replaced, or a transaction that is rolled back, for which others had to wait.
const LONGEST_WITH_SIGNAL: Duration = Duration::from_secs(2);

/// The shortest pause between two looks at a signal, and at the log while others write.
const SHORTEST_AT_SIGNAL: Duration = Duration::from_millis(20);

/// The longest pause between two looks at a signal. A look takes about a hundred microseconds, most of
/// them for waking up.
const LONGEST_AT_SIGNAL: Duration = Duration::from_millis(200);

/// Looks without a signal. Most feeds that wait get changes soon, and need none.
const LOOKS_WITHOUT: u32 = 3;

/// A place where changes appear.
pub(crate) trait Watched {
    /// Returns whether there is a change to read. Waits for a connection for no longer than `most`.
    fn look(&mut self, most: Duration) -> Result<bool, ChangeError>;

    /// Returns whether something was written since the last call; `None` if nothing tells.
    fn is_signalled(&mut self) -> Result<Option<bool>, ChangeError>;
}

/// Waits until there is a change to read, for at most `timeout`, and returns whether there is.
pub(crate) fn until_change(
    watched: &mut impl Watched,
    timeout: Duration,
) -> Result<bool, ChangeError> {
    let begun = Instant::now();
    let left = || timeout.saturating_sub(begun.elapsed());
    let mut pause = SHORTEST;
    let mut signal_pause = SHORTEST_AT_SIGNAL;
    loop {
        if watched.look(left().max(LONGEST))? {
            return Ok(true);
        }
        if left().is_zero() {
            return Ok(false);
        }
        let looked = Instant::now();
        let rest = |pause: Duration| pause.saturating_sub(looked.elapsed());
        let mut longest = LONGEST;
        while !rest(pause).is_zero() && !left().is_zero() {
            match watched.is_signalled()? {
                None => thread::sleep(rest(pause).min(left())),
                Some(is_signalled) => {
                    longest = LONGEST_WITH_SIGNAL;
                    if is_signalled {
                        pause = SHORTEST_AT_SIGNAL;
                        signal_pause = SHORTEST_AT_SIGNAL;
                    }
                    thread::sleep(rest(pause).min(left()).min(signal_pause));
                    signal_pause = (signal_pause * 3 / 2).min(LONGEST_AT_SIGNAL);
                }
            }
        }
        pause = (pause * 3 / 2).min(longest);
    }
}

/// A feed that is looked at with connections of a pool, of which it has none in between.
pub(super) struct OnPool<'w, P> {
    feed: &'w Feed,
    pool: &'w P,
    looks: u32,
    signal: Option<Box<dyn ChangeSignal>>,
}

impl<'w, P> OnPool<'w, P> {
    pub(super) fn new(feed: &'w Feed, pool: &'w P) -> Self {
        Self {
            feed,
            pool,
            looks: 0,
            signal: None,
        }
    }
}

impl<P: ChangePool> Watched for OnPool<'_, P> {
    fn look(&mut self, most: Duration) -> Result<bool, ChangeError> {
        let mut conn = self.pool.connection(most)?;
        self.looks = self.looks.saturating_add(1);
        if self.looks == LOOKS_WITHOUT {
            // Before the look, so that it tells of all that is written after it.
            self.signal = with_typed!(&mut conn, |conn| signal(conn));
        }
        self.feed.has_changes(&mut conn)
    }

    fn is_signalled(&mut self) -> Result<Option<bool>, ChangeError> {
        let told = self.signal.as_mut().and_then(|signal| signal.has_changed());
        if told.is_none() {
            self.signal = None;
        }
        Ok(told)
    }
}

fn signal<C>(conn: &mut C) -> Option<Box<dyn ChangeSignal>>
where
    C: BackendConnection<Backend: ChangeEngine>,
{
    C::Backend::signal(conn)
}
