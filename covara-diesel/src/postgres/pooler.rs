//! Detects a pooler or proxy between this program and the server.
//!
//! No setting reveals a pooler, and poolers imitate the server. Two tests detect one, and neither
//! leaves anything behind in a session that others will get:
//!
//! - *Sessions.* Two connections run one statement each in turn, several times, and are idle in
//!   between. A server gives each its own session. A pooler that lends sessions by transaction or
//!   statement gives both the same session, or one of them a new one.
//! - *Start-up options.* A server accepts a setting in the connection's start-up packet. A pooler
//!   whose server connections outlive its clients cannot: PgBouncer and similar poolers reject it
//!   or drop it.

use std::error::Error;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::pool::{connect, with_parameter};
use crate::doctor::findings::with_causes;
use crate::doctor::{Finding, Pooler};
use crate::drivers::{PoolDriver, Route};
use crate::pool::connection_string::parameter;

/// Number of rounds. Most poolers assign the session that came back last, so that the first round
/// detects them. Further rounds detect a pooler that rotates sessions or serves other clients too.
const ROUNDS: usize = 8;
/// The wait for the second connection. A server that answers at all needs milliseconds, or a second
/// if it is far away.
const LOOK: Duration = Duration::from_secs(3);

/// Detects what is in between, and returns a finding if the test was incomplete.
pub(crate) fn look(
    conn: &mut PgConnection,
    url: &str,
    driver: PoolDriver,
    version: &str,
) -> (Pooler, Option<Finding>) {
    // Checked first, because PGlite closes a second connection.
    if version.contains("PGlite") {
        return (Pooler::Pglite, None);
    }
    let (shared, remark) = match shared_session(conn, url, ROUNDS) {
        Ok(shared) => (shared, None),
        Err(reason) => (None, Some(Finding::hint(reason))),
    };
    let by_name = (driver.row().route == Route::Pooler)
        .then(|| format!("the host is one of {driver}'s pooler"));
    let pooler = if let Some(evidence) = shared.or(by_name) {
        Pooler::TransactionPooler { evidence }
    } else if let Some(evidence) = lost_option(url) {
        Pooler::Proxy { evidence }
    } else {
        Pooler::NothingSeen
    };
    (pooler, remark)
}

#[derive(QueryableByName)]
struct SessionRow {
    #[diesel(sql_type = Text)]
    session: String,
}

/// Identifies the server process behind the next statement. Process ids are reused, so its start
/// time is included.
fn session(conn: &mut PgConnection) -> QueryResult<String> {
    let row = diesel::sql_query(
        "SELECT pg_backend_pid()::text || ' of ' || COALESCE((SELECT backend_start::text
             FROM pg_catalog.pg_stat_activity WHERE pid = pg_backend_pid()), '') AS session",
    )
    .get_result::<SessionRow>(conn)?;
    Ok(row.session)
}

/// Returns evidence of a transaction pooler: that two connections share one session, or that one of
/// them gets several.
///
/// The other connection runs in a thread of its own: a pooler that lends sessions by connection may
/// have none left for it, and lets it wait too long.
pub(super) fn shared_session(
    conn: &mut PgConnection,
    url: &str,
    rounds: usize,
) -> Result<Option<String>, String> {
    let ask = |conn: &mut PgConnection| session(conn).map_err(|error| not_seen(&error));
    let other = Other::start(url);
    let first = ask(conn)?;
    for _ in 0..rounds {
        if other.session()? == first {
            return Ok(Some(
                "two open connections were given the same session".to_owned(),
            ));
        }
        // Twice, because a pooler with two sessions may alternate between them.
        if ask(conn)? != first || ask(conn)? != first {
            return Ok(Some(
                "two statements of one connection ran in different sessions".to_owned(),
            ));
        }
    }
    Ok(None)
}

fn not_seen(error: &dyn Error) -> String {
    let reason = with_causes(error);
    format!("whether a transaction pooler is in between could not be seen: {reason}")
}

/// A second connection in a thread of its own. The thread ends when this is dropped and the server
/// has answered.
struct Other {
    questions: Sender<()>,
    answers: Receiver<Result<String, String>>,
}

impl Other {
    fn start(url: &str) -> Self {
        let (questions, asked) = channel();
        let (answer, answers) = channel();
        let url = url.to_owned();
        thread::spawn(move || {
            let mut conn = match connect(&url) {
                Ok(conn) => conn,
                Err(error) => {
                    // The receiver may be gone.
                    let _ = answer.send(Err(not_seen(&error)));
                    return;
                }
            };
            for () in asked {
                let session = session(&mut conn).map_err(|error| not_seen(&error));
                if answer.send(session).is_err() {
                    return;
                }
            }
        });
        Self { questions, answers }
    }

    fn session(&self) -> Result<String, String> {
        // If the thread has ended, it has sent its error.
        let _ = self.questions.send(());
        self.answers
            .recv_timeout(LOOK)
            .unwrap_or_else(|error| Err(not_seen(&error)))
    }
}

#[derive(QueryableByName)]
struct Probe {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

/// Sends a setting without any effect when connecting, and returns evidence if it gets lost.
fn lost_option(url: &str) -> Option<String> {
    if parameter(url, "options").is_some() {
        // The URL's own options have reached the server.
        return None;
    }
    let url = with_parameter(url, "options", "--covara.probe=1");
    let (answer, answers) = channel();
    thread::spawn(move || {
        // The receiver may be gone.
        let _ = answer.send(probe(&url));
    });
    answers.recv_timeout(LOOK).unwrap_or(None)
}

fn probe(url: &str) -> Option<String> {
    match connect(url) {
        Ok(mut conn) => {
            let probe = diesel::sql_query("SELECT current_setting('covara.probe', true) AS value")
                .get_result::<Probe>(&mut conn)
                .ok()?;
            (probe.value.as_deref() != Some("1"))
                .then(|| "an option given when connecting did not reach the server".to_owned())
        }
        Err(error) => refuses_options(&with_causes(&error))
            .then(|| "it refuses options when connecting".to_owned()),
    }
}

/// Returns whether a failure to connect is about options, by the messages of PgBouncer and RDS
/// Proxy, which no server sends.
pub(super) fn refuses_options(text: &str) -> bool {
    ["unsupported startup parameter", "command-line options"]
        .iter()
        .any(|words| text.contains(words))
}
