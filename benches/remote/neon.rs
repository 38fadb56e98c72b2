//! `NeonHttpConnection` against the same requests by hand, through ureq.
//!
//!     tests/with-postgres cargo bench --features neon --bench neon
//!
//! The double of Neon in `tests/servers` and PostgreSQL run on this machine and share its cores with
//! the client.

mod common;
#[path = "../comparison.rs"]
mod comparison;
#[path = "../measure.rs"]
mod measure;
#[expect(dead_code, reason = "libSQL's bench decodes answers of its own form")]
mod recorded;
#[expect(dead_code, reason = "the seed's bench uses more of it")]
#[path = "../seed/rows.rs"]
mod rows;

use std::fmt::Write;
use std::sync::Arc;

use common::{CREATE, SEEDED, User, user, users, wide};
use comparison::{Comparison, timed};
use covara_diesel::remote::NeonHttpConnection;
use covara_diesel::{Seed, Seedable};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use measure::print_setting;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use support::neon::TestDb;
use ureq::Agent;

fn main() {
    print_setting("Neon", "the double in tests/servers", "over loopback");
    by_key();
    load();
    seed();
}

fn connect(db: &TestDb) -> NeonHttpConnection {
    NeonHttpConnection::establish(&db.url()).expect("a URL of ours")
}

/// Requests by hand.
struct Hand {
    agent: Agent,
    url: String,
    connection_string: String,
}

const FIND: &str = r#"SELECT "users"."id", "users"."email", "users"."name", "users"."age", "users"."created_at" FROM "users" WHERE ("users"."id" = $1::text) LIMIT $2::int8"#;

impl Hand {
    fn new(db: &TestDb, origin: &str) -> Self {
        let config = Agent::config_builder().no_delay(true).proxy(None);
        Self {
            agent: config.build().new_agent(),
            url: format!("{origin}/sql"),
            connection_string: db.connection_string(),
        }
    }

    fn send(&self, body: &str) -> String {
        let mut answer = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("neon-connection-string", &self.connection_string)
            .header("neon-raw-text-output", "true")
            .header("neon-array-mode", "true")
            .send(body.as_bytes())
            .expect("an answer");
        let config = answer.body_mut().with_config().limit(1 << 30);
        config.read_to_string().expect("text")
    }

    /// Sends a query and reads nothing of the answer.
    fn query(&self, sql: &str, params: &Value) -> String {
        self.send(&json!({ "query": sql, "params": params }).to_string())
    }

    /// Seeds in batches and returns how many rows went in.
    fn seed(&self, rows: &[User], a_request: usize, statements: fn(&[User]) -> String) -> usize {
        let mut inserted = 0;
        for rows in rows.chunks(a_request) {
            let answer = self.send(&format!(r#"{{"queries":[{}]}}"#, statements(rows)));
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            for result in answer["results"].as_array().expect("results") {
                inserted += result["rowCount"].as_u64().expect("a count") as usize;
            }
        }
        inserted
    }
}

/// One row by its key.
fn by_key() {
    let db = TestDb::new();
    let mut conn = connect(&db);
    conn.batch_execute(CREATE).expect("an empty database");
    let some: Vec<User> = (0..500).map(user).collect();
    User::seed(&mut conn, &some).expect("new rows");
    let hand = Hand::new(&db, db.proxy().origin());
    let by_hand = |id: &str| hand.query(FIND, &json!([id, "1"]));
    let ours = |id: &str| users::table.find(id).first(&mut conn).expect("it is there");
    common::by_key("Neon", &some, by_hand, ours);
}

const WIDE: &str = r#"SELECT "wide"."id", "wide"."name", "wide"."country", "wide"."region", "wide"."feature", "wide"."population", "wide"."latitude", "wide"."longitude", "wide"."note" FROM "wide""#;

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    rows: Vec<Vec<&'a RawValue>>,
}

/// Decodes without copying or converting anything, and returns how many values there are.
fn decode_structs(body: &str) -> usize {
    let reply: Reply<'_> = serde_json::from_str(body).expect("JSON");
    reply.rows.iter().map(Vec::len).sum()
}

/// Many rows.
fn load() {
    let db = TestDb::new();
    connect(&db)
        .batch_execute(
            "CREATE TABLE wide (id BIGINT PRIMARY KEY NOT NULL, name TEXT NOT NULL,
                 country TEXT NOT NULL, region TEXT, feature TEXT NOT NULL,
                 population BIGINT NOT NULL, latitude DOUBLE PRECISION NOT NULL,
                 longitude DOUBLE PRECISION NOT NULL, note TEXT);
             INSERT INTO wide SELECT n, 'City number ' || n, 'AD',
                 CASE WHEN n % 3 = 0 THEN 'R' || n END, 'PPL', n::bigint * 1234567, n / 77.7, -n / 33.3,
                 CASE WHEN n % 5 > 0 THEN 'a \"note\"' END FROM generate_series(1, 5000) AS n",
        )
        .expect("a new table");
    let body = Arc::new(Hand::new(&db, db.proxy().origin()).query(WIDE, &json!([])));
    let single = Arc::clone(&body);
    // The first request of a connection asks for settings, too.
    let settings = r#"{"fields":[],"rows":[["true"]],"rowCount":1}"#;
    let both = Arc::new(format!(r#"{{"results":[{settings},{body}]}}"#));
    let repeater = recorded::Repeater::start(move |request| {
        let answer = if request.starts_with("{\"queries\"") {
            &both
        } else {
            &single
        };
        Arc::clone(answer)
    });
    let url = db.url_through(&repeater.url());
    let mut conn = NeonHttpConnection::establish(&url).expect("a URL of ours");
    let hand = Hand::new(&db, &repeater.url());
    let bare = || hand.query(WIDE, &json!([]));
    let ours = || wide::table.load(&mut conn).expect("rows");
    common::load("Neon", &body, decode_structs, bare, ours);
}

/// Written straight as text, as fast as it goes; the values hold nothing to escape.
fn inserts(rows: &[User]) -> String {
    let mut statements = String::with_capacity(rows.len() * 150);
    for rows in rows.chunks(1_000) {
        let placeholders: Vec<String> = (0..rows.len())
            .map(|row| {
                let [a, b, c, d, e] = [1, 2, 3, 4, 5].map(|column| row * 5 + column);
                format!("(${a},${b},${c},${d}::int4,${e}::int8)")
            })
            .collect();
        let between = if statements.is_empty() { "" } else { "," };
        write!(
            statements,
            r#"{between}{{"query":"INSERT INTO users VALUES {} ON CONFLICT DO NOTHING","params":["#,
            placeholders.join(",")
        )
        .expect("memory");
        for user in rows {
            let User {
                id,
                email,
                created_at,
                ..
            } = user;
            write!(statements, r#""{id}","{email}","#).expect("memory");
            match &user.name {
                Some(name) => write!(statements, r#""{name}","#),
                None => write!(statements, "null,"),
            }
            .expect("memory");
            match user.age {
                Some(age) => write!(statements, r#""{age}","#),
                None => write!(statements, "null,"),
            }
            .expect("memory");
            write!(statements, r#""{created_at}","#).expect("memory");
        }
        statements.pop();
        statements.push_str("]}");
    }
    statements
}

/// One statement with an array for each column.
fn arrays(rows: &[User]) -> String {
    let mut columns: [String; 5] = std::array::from_fn(|_| String::with_capacity(rows.len() * 40));
    for user in rows {
        write!(columns[0], "{},", user.id).expect("memory");
        write!(columns[1], "{},", user.email).expect("memory");
        match &user.name {
            Some(name) => write!(columns[2], r#"\"{name}\","#),
            None => write!(columns[2], "NULL,"),
        }
        .expect("memory");
        match user.age {
            Some(age) => write!(columns[3], "{age},"),
            None => write!(columns[3], "NULL,"),
        }
        .expect("memory");
        write!(columns[4], "{},", user.created_at).expect("memory");
    }
    let params = columns.map(|mut column| {
        column.pop();
        format!(r#""{{{column}}}""#)
    });
    format!(
        r#"{{"query":"INSERT INTO users SELECT * FROM unnest($1::text[],$2::text[],$3::text[],$4::int4[],$5::int8[]) ON CONFLICT DO NOTHING","params":[{}]}}"#,
        params.join(",")
    )
}

fn seed() {
    let names = [
        "by hand, 1,000 rows a statement",
        "by hand, an array for each column",
        "Seed",
    ];
    let title = format!("Neon, {SEEDED} rows into an empty table");
    let mut comparison = Comparison::new(title, &names);
    let rows: Vec<User> = (0..SEEDED).map(user).collect();
    let mut requests = 0;
    for _ in 0..5 {
        for (contestant, way) in [inserts as fn(&[User]) -> String, arrays]
            .into_iter()
            .enumerate()
        {
            let db = TestDb::new();
            connect(&db)
                .batch_execute(CREATE)
                .expect("an empty database");
            let hand = Hand::new(&db, db.proxy().origin());
            let (time, inserted) = timed(|| hand.seed(&rows, 30_000, way));
            assert_eq!(inserted, rows.len());
            comparison.add(contestant, time);
        }
        let db = TestDb::new();
        let mut conn = connect(&db);
        conn.batch_execute(CREATE).expect("an empty database");
        let seed = Seed::new().table(&rows);
        let (time, summary) = timed(|| seed.run(&mut conn).expect("new rows"));
        assert_eq!(summary.inserted(), rows.len());
        requests = summary.transactions;
        comparison.add(2, time);
    }
    comparison.print();
    println!("  the seed takes {requests} requests, each all or nothing");
}
