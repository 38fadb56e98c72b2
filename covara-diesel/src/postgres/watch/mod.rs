//! Bounds on waiting for a server that does not answer.
//!
//! libpq waits for an answer without limit. No TCP time-out applies while the server's kernel still
//! acknowledges data, as it does when the server itself is stopped or hangs on its disk, and the
//! server's own time-outs stop with it. So a thread watches the running statements and shuts down
//! the socket of one that takes too long. libpq then sees that the connection has ended, and Diesel
//! returns an error.
//!
//! While a connection is being established, nothing announces its statements. So a thread that
//! connects is watched itself: see [`connecting`] for single connections, and [`workers`] for the
//! threads with which r2d2 connects.
//!
//! Diesel's instrumentation announces a statement, and the events of r2d2 announce a pool's
//! check-out test. Diesel announces more than it sends, and one statement inside another: see
//! [`threads`] and [`Watch::begin`]. If the socket cannot be found (on systems other than Linux),
//! nothing is watched.

mod alive;
mod begun;
mod connecting;
mod events;
mod observer;
#[cfg(target_os = "linux")]
mod socket;
#[cfg(not(target_os = "linux"))]
#[path = "no_socket.rs"]
mod socket;
mod threads;
mod watchdog;
mod workers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use diesel::ConnectionError;
use diesel::connection::DebugQuery;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};

#[cfg(not(feature = "_fuzz"))]
use self::begun::Change;
#[cfg(feature = "_fuzz")]
pub(super) use self::begun::{Change, of_script as changes_of_script};
use self::begun::{OpenTransaction, QuerySql};
pub(super) use self::connecting::establish;
pub(super) use self::events::{Events, hand_over};
use self::observer::Observer;
pub(super) use self::observer::set_quiet;
use self::socket::Socket;
use self::threads::StatementRun;
use self::watchdog::{Check, WATCHDOG};
pub(super) use self::workers::Workers;

/// Extra time to wait beyond the server's own time-out, so that the server's error arrives if there
/// is one.
const GRACE: Duration = Duration::from_secs(5);
/// Bounds of the time in which a checked server must answer, which is otherwise the time that it
/// may be silent.
const LEAST_ASK: Duration = Duration::from_secs(1);
const MOST_ASK: Duration = Duration::from_secs(5);
/// The pause before an overdue statement is checked again whose thread does something else.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Shortest limit of a check-out test, enough for a distant server.
const SHORTEST_TEST: Duration = Duration::from_millis(50);

/// The time limits of the connections of one pool.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// Limit for setting up a connection.
    pub(super) set_up: Option<Duration>,
    /// Limit for a check-out test.
    pub(super) check_out: Option<Duration>,
    /// Limit for a statement.
    pub(super) statement: Option<Duration>,
    /// The wait for any answer before the server is checked.
    pub(super) silence: Option<Duration>,
    /// Maximum number of connections of the pool.
    pub(super) max_size: u32,
    /// `true` if a connection that turns out to be read-only is discarded.
    pub(super) wants_writable: bool,
    /// The time since which silent connections may be dead, because another one was.
    pub(super) suspect_since: Mutex<Option<Instant>>,
}

/// A watched connection.
#[derive(Debug)]
pub(super) struct Watch {
    socket: Socket,
    limits: Arc<Limits>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    waiting: Option<RunningStatement>,
    /// `true` if the running statement is inside another one, which continues afterwards.
    is_nested: bool,
    /// Number of the last statement.
    statements: u64,
    /// The time at which the last answered statement began, or the connection was made.
    last_good: Instant,
    is_read_only: bool,
    /// The effects of the running statement, if it succeeds.
    changes: Vec<Change>,
    begun: OpenTransaction,
}

/// The purpose of the next statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    SettingUp,
    /// In the pool: the next statement is a check-out test.
    Idle,
    InUse,
}

#[derive(Debug)]
struct RunningStatement {
    run: StatementRun,
    since: Instant,
    /// The time at which the connection is closed.
    end: Option<Instant>,
    /// The time at which the server is checked.
    ask: Option<Instant>,
}

/// Watches a new connection. `tcp_user_timeout` is the value set on its socket, in milliseconds, if
/// it is known. The watch ends with the connection.
pub(super) fn watch(
    conn: &mut PgConnection,
    limits: &Arc<Limits>,
    tcp_user_timeout: Option<u32>,
    phase: Phase,
) -> Result<Option<Arc<Watch>>, Ambiguous> {
    let Some(socket) = socket::find(conn, tcp_user_timeout)? else {
        log::debug!("the system shows no sockets: waiting on a connection is not bounded");
        return Ok(None);
    };
    let watch = Arc::new(Watch {
        socket,
        limits: Arc::clone(limits),
        state: Mutex::new(State {
            phase,
            waiting: None,
            is_nested: false,
            statements: 0,
            last_good: Instant::now(),
            is_read_only: false,
            changes: Vec::new(),
            begun: OpenTransaction::default(),
        }),
    });
    if !WATCHDOG.add(&watch) {
        return Ok(None);
    }
    conn.set_instrumentation(Observer::new(Arc::clone(&watch)));
    Ok(Some(watch))
}

/// The socket of a connection could not be told from others.
#[derive(Debug)]
pub(super) struct Ambiguous;

impl From<Ambiguous> for ConnectionError {
    fn from(_: Ambiguous) -> Self {
        Self::BadConnection(
            "the socket of the connection could not be told from others in time".to_owned(),
        )
    }
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters another phase, in which no statement runs yet.
    pub(super) fn enter(&self, phase: Phase) {
        let mut state = self.state();
        state.phase = phase;
        state.waiting = None;
        state.is_nested = false;
        state.begun.counts_nothing();
        if phase != Phase::Idle {
            return;
        }
        let is_open = state.begun.is_uncounted();
        if is_open || state.is_read_only {
            // The check-out test finds the connection dead, and the pool connects again.
            self.socket.shut_down();
        }
        // A logger may be slow, or use a connection of this pool.
        drop(state);
        if is_open {
            log::warn!(
                "a connection to PostgreSQL at {} came back to its pool with a transaction open \
                 that was begun by SQL: the connection is closed",
                self.socket
            );
        }
    }

    /// Notes that a statement begins. If another one has not ended, that one was never sent, unless
    /// this statement is a lookup inside it.
    ///
    /// A `COPY` sent as a text is made to fail. Diesel has no way to end it, and asks libpq for the
    /// results of the next statement until there are no more, but libpq goes on to return the open
    /// `COPY`.
    fn begin(&self, query: &dyn DebugQuery) {
        let sql = QuerySql::of(query);
        let mut state = self.state();
        state.is_nested = state.waiting.is_some() && sql.is_lookup();
        if !state.is_nested {
            state.changes = sql.changes();
        }
        let is_endless = sql.is_text() && state.changes.contains(&Change::Copies);
        if is_endless {
            self.socket.shut_down();
        }
        let first = self.wait(&mut state);
        drop(state);
        if is_endless {
            log::warn!(
                "COPY was sent to PostgreSQL at {} as a text, which Diesel cannot end: the \
                 connection is closed; use diesel::copy_from or diesel::copy_to",
                self.socket
            );
        }
        if let Some(first) = first {
            WATCHDOG.expect(first);
        }
    }

    /// Starts waiting for an answer, and returns when to check first.
    fn wait(&self, state: &mut State) -> Option<Instant> {
        let since = Instant::now();
        let after = |time: Option<Duration>| time.and_then(|time| since.checked_add(time));
        let (end, ask) = match state.phase {
            Phase::SettingUp => (after(self.limits.set_up), None),
            Phase::Idle => (after(self.limits.of_test(state.last_good)), None),
            Phase::InUse => (
                after(self.limits.statement.map(|time| time.saturating_add(GRACE))),
                after(self.limits.silence),
            ),
        };
        state.statements += 1;
        state.waiting = Some(RunningStatement {
            run: StatementRun::begin(),
            since,
            end,
            ask,
        });
        earlier(end, ask)
    }

    /// Notes that Diesel counts the transaction that the next statement begins.
    fn counts(&self) {
        self.state().begun.counts();
    }

    /// Notes that a statement has ended.
    fn end(&self, error: Option<&Error>) {
        let mut state = self.state();
        if !state.is_nested {
            let changes = std::mem::take(&mut state.changes);
            state.begun.apply(&changes, error.is_none());
        }
        let waiting = state.waiting.take();
        if let Some(waiting) = &waiting {
            waiting.run.end();
        }
        match (error, waiting) {
            (None, Some(waiting)) => state.last_good = waiting.since,
            (Some(Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _)), _) => {
                state.is_read_only |= self.limits.wants_writable;
            }
            _ => {}
        }
        if std::mem::take(&mut state.is_nested) {
            let first = self.wait(&mut state);
            drop(state);
            if let Some(first) = first {
                WATCHDOG.expect(first);
            }
        }
    }

    /// Closes the connection if its statement has taken too long, and returns when to check again.
    fn check_statement(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let (phase, number) = (state.phase, state.statements);
        let waiting = state.waiting.as_mut()?;
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        let (is_over, is_silent) = (is_due(waiting.end), is_due(waiting.ask));
        if (is_over || is_silent) && phase == Phase::InUse && waiting.run.is_elsewhere() {
            // The statement was never sent, or its result is being processed.
            let again = now.checked_add(LOOK_AGAIN);
            waiting.end = if is_over { again } else { waiting.end };
            waiting.ask = if is_silent { again } else { waiting.ask };
        } else if is_over {
            if phase == Phase::Idle {
                self.limits.suspect(waiting.since);
            }
            let waited = now.saturating_duration_since(waiting.since);
            self.give_up(state, waited);
            return None;
        } else if is_silent {
            waiting.ask = None;
            let watch = Arc::clone(self);
            // If no thread can be started, the limit of the statement remains.
            let _ = thread::Builder::new()
                .name("covara-ask".to_owned())
                .spawn(move || watch.ask(number));
        }
        earlier(waiting.end, waiting.ask)
    }

    /// Checks whether the server is alive, and closes the connection of that statement if not.
    fn ask(&self, number: u64) {
        let Some(silence) = self.limits.silence else {
            return;
        };
        let answers = self
            .socket
            .peer()
            .is_none_or(|peer| alive::answers(peer, silence.clamp(LEAST_ASK, MOST_ASK)));
        let now = Instant::now();
        let mut state = self.state();
        if state.statements != number {
            return;
        }
        let Some(waiting) = state.waiting.as_mut() else {
            return;
        };
        if answers {
            waiting.ask = now.checked_add(silence);
            let next = waiting.ask;
            drop(state);
            if let Some(next) = next {
                WATCHDOG.expect(next);
            }
        } else {
            let waited = now.saturating_duration_since(waiting.since);
            self.give_up(state, waited);
        }
    }

    fn give_up(&self, mut state: MutexGuard<'_, State>, waited: Duration) {
        state.waiting = None;
        state.is_nested = false;
        self.socket.shut_down();
        // A logger may be slow, or use this very connection.
        drop(state);
        log::warn!(
            "PostgreSQL at {} gave no answer within {waited:.1?}: the connection is closed",
            self.socket
        );
    }
}

impl Check for Watch {
    fn check(self: Arc<Self>, now: Instant) -> Option<Instant> {
        self.check_statement(now)
    }
}

impl Limits {
    /// Returns the limit of a check-out test. Once one has failed, connections that have been
    /// silent since are likely to be dead as well, and a pool full of them must not use up the time
    /// for connecting again.
    fn of_test(&self, last_good: Instant) -> Option<Duration> {
        let limit = self.check_out?;
        let since = self
            .suspect_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if since.is_some_and(|since| last_good < since) {
            Some(limit.min((limit / self.max_size.max(1)).max(SHORTEST_TEST)))
        } else {
            Some(limit)
        }
    }

    fn suspect(&self, since: Instant) {
        *self
            .suspect_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(since);
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
