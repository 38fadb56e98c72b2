//! Looks for a pooler or proxy between this program and the server.
//!
//! No setting tells of one, and it takes pains to look like the server. Two things give it
//! away, and neither leaves anything behind in a session that others will get:
//!
//! - *Sessions.* Two connections that are idle in turn run one statement each, again and
//!   again. On a server each keeps its own session; of a pooler that lends sessions by
//!   transaction or statement both get the same, or one of them a new one.
//! - *Start-up options.* A server takes a setting in the connection's start-up packet. A
//!   pooler whose server connections outlive its clients cannot: PgBouncer and the like
//!   refuse it or drop it.

use std::error::Error;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::pool::{connect, with_parameter};
use crate::doctor::findings::with_causes;
use crate::doctor::{Finding, Pooler};
use crate::pool::PoolDriver;

/// A pooler hands out the session that came back last, so that the first round shows it.
/// The rest is for one that goes round, or serves others at the same time.
const ROUNDS: usize = 8;
/// How long the second connection is waited for. One to a server that answers at all takes
/// milliseconds, or a second where it is far.
const LOOK: Duration = Duration::from_secs(3);

/// What stands between, and a remark if the look was not a whole one.
pub(crate) fn look(
    conn: &mut PgConnection,
    url: &str,
    driver: PoolDriver,
    version: &str,
) -> (Pooler, Option<Finding>) {
    // Before anything else: PGlite closes a second connection.
    if version.contains("PGlite") {
        return (Pooler::Pglite, None);
    }
    let (shared, remark) = match shared_session(conn, url, ROUNDS) {
        Ok(shared) => (shared, None),
        Err(reason) => (None, Some(Finding::hint(reason))),
    };
    let by_name = matches!(driver, PoolDriver::Neon | PoolDriver::Hyperdrive)
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

/// The server process behind the next statement; ids are used again, so with its birth.
fn session(conn: &mut PgConnection) -> QueryResult<String> {
    let row = diesel::sql_query(
        "SELECT pg_backend_pid() || ' of ' || COALESCE((SELECT backend_start::text
             FROM pg_catalog.pg_stat_activity WHERE pid = pg_backend_pid()), '') AS session",
    )
    .get_result::<SessionRow>(conn)?;
    Ok(row.session)
}

/// Whether two connections are given one session, or one of them several.
///
/// The other connection has a thread to itself: a pooler that lends sessions by connection
/// may have none left for it, and lets it wait for longer than anybody wants to.
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
        // Twice, as a pooler with two sessions may hand them out by turns.
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

/// A second connection in a thread of its own, which ends when this is dropped and the server
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
                    // Nobody may be listening any more.
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
        // A thread that has ended has said why.
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

/// Sends a setting of our own, which means nothing to anybody, when connecting.
fn lost_option(url: &str) -> Option<String> {
    if url.contains("options") {
        // The user's own have come through.
        return None;
    }
    let url = with_parameter(url, "options", "--covara.probe=1");
    let (answer, answers) = channel();
    thread::spawn(move || {
        // Nobody may be listening any more.
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

/// Whether a failure to connect is about options, in PgBouncer's and RDS Proxy's words; no server
/// says them.
pub(super) fn refuses_options(text: &str) -> bool {
    ["unsupported startup parameter", "command-line options"]
        .iter()
        .any(|words| text.contains(words))
}
