//! The main job on real data: open, migrate, seed, find a session again, and search.
//!
//! ```text
//! cargo run --release --example quickstart
//! cargo run --release --example quickstart -- --database-url other.db
//! cargo run --release --example quickstart --features postgres -- --database-url postgres://…
//! ```

mod schema;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use covara_diesel::auth::{NewSession, SessionStore};
use covara_diesel::search::{SearchAdapter, SearchQuery, Searchable};
use covara_diesel::seed::SeedRow;
use covara_diesel::{Boot, DatabaseConnection, Dialect, Seed, Seedable, write_transaction};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use schema::{cities, countries};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The application's own tables, whose SQL both databases understand.
const MIGRATIONS: EmbeddedMigrations = embed_migrations!("examples/quickstart/migrations");

#[derive(Deserialize, Seedable)]
#[diesel(table_name = countries)]
struct Country {
    code: String,
    name: String,
}

#[derive(Deserialize, Seedable, Searchable)]
#[diesel(table_name = cities)]
struct City {
    #[searchable(id)]
    geoname_id: i64,
    #[searchable(text)]
    name: String,
    #[serde(rename = "country_code")]
    #[searchable(keyword, unsearched)]
    #[diesel(column_name = country_code)]
    country: String,
    admin_code: Option<String>,
    feature_code: String,
    #[searchable(integer)]
    population: i64,
    latitude: f64,
    longitude: f64,
}

fn main() -> ExitCode {
    match database_url().and_then(|url| open(&url)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {}", error.to_string().trim_end());
                cause = error.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

fn database_url() -> Outcome<String> {
    let mut arguments = std::env::args().skip(1);
    match (
        arguments.next().as_deref(),
        arguments.next(),
        arguments.next(),
    ) {
        (None, ..) => Ok("quickstart.db".to_owned()),
        (Some("--database-url"), Some(url), None) => Ok(url),
        _ => Err("usage: quickstart [--database-url PATH|postgres://…]".into()),
    }
}

fn open(url: &str) -> Outcome {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return open_postgres(url);
    }
    open_sqlite(url)
}

#[cfg(feature = "sqlite")]
fn open_sqlite(url: &str) -> Outcome {
    use covara_diesel::search::SqliteFts;

    let pool = covara_diesel::pool::sqlite(url)?;
    run(&mut pool.get()?, &SqliteFts)
}

#[cfg(not(feature = "sqlite"))]
fn open_sqlite(_: &str) -> Outcome {
    Err("built without SQLite: add --features sqlite".into())
}

#[cfg(feature = "postgres")]
fn open_postgres(url: &str) -> Outcome {
    use covara_diesel::pool::PoolDriver;
    use covara_diesel::search::PostgresFts;

    let pool = covara_diesel::pool::postgres(url, PoolDriver::Postgres)?;
    run(&mut pool.get()?, &PostgresFts)
}

#[cfg(not(feature = "postgres"))]
fn open_postgres(_: &str) -> Outcome {
    Err("built without PostgreSQL: add --features postgres".into())
}

fn run<C, A>(conn: &mut C, adapter: &A) -> Outcome
where
    A: SearchAdapter<Backend = C::Backend>,
    C: DatabaseConnection,
    Country: SeedRow<C::Backend>,
    City: SeedRow<C::Backend>,
{
    let boot = Boot::new()
        .migrations(Dialect::Sqlite, MIGRATIONS)
        .migrations(Dialect::Postgres, MIGRATIONS)
        .run(conn)?;
    println!("Database    {}", boot.dialect);
    match (boot.applied.len(), boot.application.len()) {
        (0, 0) => println!("Migrations  nothing to do"),
        (internal, own) => println!(
            "Migrations  {internal} internal ({}), {own} of the application",
            boot.tables.join(", ")
        ),
    }

    let countries: Vec<Country> = read("countries.csv")?;
    let cities: Vec<City> = read("cities.csv")?;
    let begun = Instant::now();
    let summary = Seed::new().table(&countries).table(&cities).run(conn)?;
    let seconds = begun.elapsed().as_secs_f64();
    for t in &summary.tables {
        println!(
            "{:<11} {} attempted, {} inserted, {} skipped",
            t.table, t.attempted, t.inserted, t.skipped
        );
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let rate = summary.attempted() as f64 / seconds;
    println!("Speed       {rate:.0} rows/s, {seconds:.2} s");

    let sessions = SessionStore::new();
    let found = write_transaction(conn, |conn| {
        let id = sessions.create(conn, NewSession::new("ada"))?.id;
        sessions.find(conn, &id)
    })?
    .ok_or("the session is not there")?;
    println!("Session     created for {} and found again", found.user_id);

    let begun = Instant::now();
    if adapter.follow::<_, City>(conn)?.is_created() {
        let seconds = begun.elapsed().as_secs_f64();
        println!("Index       of the cities made in {seconds:.2} s; it follows their table");
    }
    let begun = Instant::now();
    let found = adapter.search(conn, City::INDEX, &SearchQuery::new("sao paulo").size(3))?;
    let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
    println!(
        "Search      {} cities for \"sao paulo\" in {milliseconds:.2} ms",
        found.total
    );
    for hit in &found.hits {
        let text = |field: &str| hit.source[field].as_str().unwrap_or_default();
        println!("            {}, {}", text("name"), text("country"));
    }
    Ok(())
}

fn read<T: DeserializeOwned>(file: &str) -> Outcome<Vec<T>> {
    let path = format!("{}/examples/data/{file}", env!("CARGO_MANIFEST_DIR"));
    let rows = csv::Reader::from_path(path)?.into_deserialize();
    Ok(rows.collect::<Result<_, _>>()?)
}
