//! One program for every database: each URL is opened, migrated, seeded and used alike.
//!
//! ```text
//! cargo run --example open
//! cargo run --example open --features postgres -- app.db 'postgres://…' 'postgres://…?driver=pglite'
//! ```

use std::error::Error;
use std::process::ExitCode;

use covara_diesel::auth::{
    Account, AccountStore, ApiKeyStore, NewApiKey, NewSession, Purpose, SessionStore,
    VerificationTokenStore,
};
use covara_diesel::{Seed, Seedable, auto_migrate, open};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use schema::countries;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

mod schema {
    diesel::table! {
        countries (code) {
            code -> Text,
            name -> Text,
        }
    }
}

#[derive(Seedable)]
#[diesel(table_name = countries)]
struct Country {
    code: String,
    name: String,
}

fn main() -> ExitCode {
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        urls.push(":memory:".to_owned());
    }
    for url in urls {
        if let Err(error) = use_database(&url) {
            eprint!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {}", error.to_string().trim_end());
                cause = error.source();
            }
            eprintln!();
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn use_database(url: &str) -> Outcome {
    let pool = open(url)?;
    let mut conn = pool.get()?;
    let boot = auto_migrate(&mut conn)?;
    println!(
        "{} by the driver {}, a pool of {}, {} migrations run",
        boot.dialect,
        pool.driver(),
        pool.max_size(),
        boot.applied.len()
    );

    // What both dialects understand is written once, with Diesel as usual.
    conn.batch_execute(
        "CREATE TABLE IF NOT EXISTS countries (code TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL)",
    )?;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/countries.csv");
    let seeded = Seed::new().csv::<Country>(file).run(&mut conn)?;
    println!(
        "  countries: {} inserted, {} skipped",
        seeded.inserted(),
        seeded.skipped()
    );
    let peru: String = countries::table
        .find("PE")
        .select(countries::name)
        .get_result(&mut conn)?;
    println!("  PE is {peru}");

    let (sessions, keys) = (SessionStore::new(), ApiKeyStore::new());
    let session = sessions.create(&mut conn, NewSession::new("ada"))?;
    let found = sessions.find(&mut conn, &session.id)?;
    println!(
        "  session of {}",
        found.ok_or("the session is not there")?.user_id
    );
    let (secret, _) = keys.create(&mut conn, NewApiKey::new("ada", "CI"))?;
    println!("  API key of {}", keys.verify(&mut conn, &secret)?.user_id);
    let account = Account::new("ada", "oauth", "google", "1089");
    AccountStore::new().link(&mut conn, &account)?;
    let tokens = VerificationTokenStore::new();
    let token = tokens.issue(&mut conn, "ada@example.com", Purpose::MagicLink)?;
    let good = tokens.consume(&mut conn, "ada@example.com", Purpose::MagicLink, &token)?;
    println!("  token good: {good}");
    Ok(())
}
