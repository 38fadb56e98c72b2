//! One process of the tests that need several: says `ready`, waits for a line, does its
//! job, and prints what came of it.

use std::io::{BufRead, Read};

use covara_diesel::changes::ChangeEngine;
use covara_diesel::dump::{Dump, Format};
use covara_diesel::fixture::FixtureSource;
use covara_diesel::pool;
use covara_diesel::search::{SearchAdapter, SqliteFts};
use covara_diesel::{DatabaseConnection, Seed, auto_migrate};
use diesel::connection::Connection;
use support::memory;
use support::numbers::{self, Number};

type Outcome = Result<String, Box<dyn std::error::Error>>;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let job = arguments.next().expect("a job");
    let url = arguments.next().expect("a database URL");
    let pooled = job.ends_with("-pooled");
    let job = job.trim_end_matches("-pooled").to_owned();

    println!("ready");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).expect("a go");

    if job == "hold-servers" {
        hold_servers();
    }
    if job == "hold-directory" {
        hold_directory();
    }
    if let Some(key) = job.strip_prefix("flood:") {
        println!("{}", flood(&url, key));
        return;
    }
    match on_any(&url, pooled, &job) {
        Ok(text) => println!("{text}"),
        Err(error) => {
            eprintln!("{error:?}");
            std::process::exit(1);
        }
    }
}

/// Starts one server of each kind, and waits to be killed.
fn hold_servers() -> ! {
    let _held = (
        support::sqld::TestDb::new(),
        support::pglite::TestDb::new(),
        support::d1::TestDb::new(),
    );
    println!("held");
    loop {
        std::thread::park();
    }
}

/// Creates a temporary directory with a file, prints its path, and waits to be killed.
fn hold_directory() -> ! {
    let held = support::temporary::tempdir().expect("a temporary directory");
    std::fs::write(held.path().join("file"), "held").expect("a file");
    println!("{}", held.path().display());
    loop {
        std::thread::park();
    }
}

/// Checks a key that is refused sixteen times at once, and says by how many bytes the peak grew,
/// and how many checks were refused and how many not made.
fn flood(url: &str, key: &str) -> String {
    use covara_diesel::auth::{ApiKeyStore, AuthError, Rejected};

    let before = memory::peak();
    let checks: Vec<_> = (0..16)
        .map(|_| {
            let mut conn = diesel::SqliteConnection::establish(url).expect("a database");
            let key = key.to_owned();
            std::thread::spawn(move || match ApiKeyStore::new().verify(&mut conn, key) {
                Err(Rejected::NotFound) => (1, 0),
                Err(Rejected::Failed(AuthError::Busy)) => (0, 1),
                other => panic!("{other:?}"),
            })
        })
        .collect();
    let (refused, busy) = checks
        .into_iter()
        .map(|check| check.join().expect("an answer"))
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    format!("{} {refused} {busy}", memory::peak() - before)
}

fn on_any(url: &str, pooled: bool, job: &str) -> Outcome {
    if url.contains("driver=neon-http") {
        on_neon(url, pooled, job)
    } else if url.starts_with("postgres") {
        on_postgres(url, pooled, job)
    } else if url.starts_with("http") {
        on_libsql(url, pooled, job)
    } else if url.starts_with("d1:") {
        on_d1(url, pooled, job)
    } else if pooled {
        work(&mut pool::sqlite(url)?.get()?, &SqliteFts, job)
    } else {
        let conn = &mut diesel::SqliteConnection::establish(url)?;
        work(conn, &SqliteFts, job)
    }
}

#[cfg(feature = "postgres")]
fn on_postgres(url: &str, pooled: bool, job: &str) -> Outcome {
    use covara_diesel::search::PostgresFts;

    if job == "few-descriptors" {
        return connect_with_few_descriptors(url);
    }
    if job == "unending-connects" {
        return connect_with_an_unending_file(url);
    }
    if job == "silent-connects" {
        return connect_to_a_silent_server(url);
    }
    if pooled {
        let named = pool::PoolDriver::from_url(url)?;
        let driver = match named {
            pool::PoolDriver::Postgres => support::postgres::driver(),
            other => other,
        };
        let pool = pool::postgres(url, driver)?;
        return work(&mut pool.get()?, &PostgresFts, job);
    }
    work(&mut support::postgres::connect(url)?, &PostgresFts, job)
}

/// Connects to a server that falls silent, then to one that does not, and says how many descriptors
/// and threads are left of it.
#[cfg(feature = "postgres")]
fn connect_to_a_silent_server(url: &str) -> Outcome {
    use std::time::{Duration, Instant};
    use support::silent_proxy::SilentProxy;

    let count = |of| std::fs::read_dir(of).map(Iterator::count);
    let counts =
        || -> std::io::Result<_> { Ok((count("/proc/self/fd")?, count("/proc/self/task")?)) };
    let mut config = pool::recommended_pool_config(pool::PoolDriver::Postgres);
    config.connection_timeout = Some(Duration::from_secs(2));
    // Otherwise r2d2 keeps the threads of a pool that is gone for half a minute.
    (config.idle_timeout, config.max_lifetime) = (None, None);
    let proxy = SilentProxy::new(url);
    let open = || pool::postgres_with(proxy.url(), pool::PoolDriver::Postgres, &config);
    drop(open()?.get()?);
    std::thread::sleep(Duration::from_secs(1));
    let before = counts()?;
    for ready in [1, 2] {
        proxy.silence_after(ready);
        open().expect_err("a server that is silent");
        proxy.heal();
        let pool = open()?;
        proxy.silence_after(ready);
        pool.get().map(drop).expect_err("a server that is silent");
        proxy.heal();
        while pool.get().is_err() {}
    }
    // What has been closed goes away later.
    let end = Instant::now() + Duration::from_secs(20);
    let mut after = counts()?;
    while (after.0 > before.0 || after.1 > before.1) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
        after = counts()?;
    }
    Ok(format!(
        "{} {}",
        after.0.saturating_sub(before.0),
        after.1.saturating_sub(before.1)
    ))
}

/// Connects nine times with a certificate that is never read to its end, and once more when it has
/// been, and says what came of each.
#[cfg(feature = "postgres")]
fn connect_with_an_unending_file(url: &str) -> Outcome {
    use std::time::{Duration, Instant};

    let directory = support::temporary::tempdir()?;
    let file = directory.path().join("root.crt");
    let made = std::process::Command::new("mkfifo").arg(&file).status()?;
    assert!(made.success());
    let encoded = file.display().to_string().replace('/', "%2F");
    let unending = format!("{url}?sslmode=verify-ca&sslrootcert={encoded}");
    let open = |url: &str| {
        let mut config = pool::recommended_pool_config(pool::PoolDriver::Postgres);
        config.connection_timeout = Some(Duration::from_secs(1));
        match pool::postgres_with(url, pool::PoolDriver::Postgres, &config) {
            Ok(_) => "connected".to_owned(),
            Err(error) => format!("{error:?}"),
        }
    };
    let mut said: Vec<_> = std::thread::scope(|scope| {
        let opening: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&unending))).collect();
        let said = opening.into_iter().map(|one| one.join().expect("no panic"));
        said.collect()
    });
    said.push(open(&unending));
    // Opened for both, so that this does not wait for a reader.
    let both = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&file)?;
    std::thread::sleep(Duration::from_millis(500));
    drop(both);
    let end = Instant::now() + Duration::from_secs(20);
    let mut last = open(url);
    while last != "connected" && Instant::now() < end {
        last = open(url);
    }
    said.push(last);
    Ok(said.join("\n"))
}

/// Tries to open a pool with 0 to 7 free descriptors, and says with which numbers it could.
#[cfg(feature = "postgres")]
fn connect_with_few_descriptors(url: &str) -> Outcome {
    use diesel::connection::SimpleConnection;
    use rustix::process::{Resource, Rlimit, setrlimit};

    let few = Rlimit {
        current: Some(64),
        maximum: Some(64),
    };
    setrlimit(Resource::Nofile, few)?;
    let mut connected = Vec::new();
    for free in 0..8 {
        let open = || std::fs::File::open("/dev/null").ok();
        let mut held: Vec<_> = std::iter::from_fn(open).collect();
        held.truncate(held.len() - free);
        let mut config = pool::recommended_pool_config(pool::PoolDriver::Postgres);
        config.max_size = 1;
        if let Ok(pool) = pool::postgres_with(url, pool::PoolDriver::Postgres, &config) {
            pool.get()?.batch_execute("SELECT 1")?;
            connected.push(free);
        }
    }
    Ok(format!("{connected:?}"))
}

#[cfg(not(feature = "postgres"))]
fn on_postgres(_: &str, _: bool, _: &str) -> Outcome {
    Err("built without PostgreSQL".into())
}

/// A query for a text.
#[cfg(any(feature = "libsql", feature = "d1", feature = "neon"))]
macro_rules! text_query {
    () => {
        diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>("'x'"))
    };
}

#[cfg(feature = "libsql")]
fn on_libsql(url: &str, pooled: bool, job: &str) -> Outcome {
    if pooled {
        return work(&mut pool::libsql(url)?.get()?, &SqliteFts, job);
    }
    let conn = &mut covara_diesel::remote::LibsqlConnection::establish(url)?;
    match job {
        "read-texts" => return read_texts(conn, text_query!()),
        "read-names" => return read_names(conn),
        _ => {}
    }
    work(conn, &SqliteFts, job)
}

#[cfg(not(feature = "libsql"))]
fn on_libsql(_: &str, _: bool, _: &str) -> Outcome {
    Err("built without libSQL".into())
}

#[cfg(feature = "d1")]
fn on_d1(url: &str, pooled: bool, job: &str) -> Outcome {
    if pooled {
        return work(&mut pool::d1(url)?.get()?, &SqliteFts, job);
    }
    let conn = &mut covara_diesel::remote::D1Connection::establish(url)?;
    match job {
        "read-texts" => return read_texts(conn, text_query!()),
        "read-names" => return read_names(conn),
        _ => {}
    }
    work(conn, &SqliteFts, job)
}

#[cfg(not(feature = "d1"))]
fn on_d1(_: &str, _: bool, _: &str) -> Outcome {
    Err("built without D1".into())
}

#[cfg(feature = "neon")]
fn on_neon(url: &str, pooled: bool, job: &str) -> Outcome {
    use covara_diesel::search::PostgresFts;

    if pooled {
        return work(&mut pool::neon_http(url)?.get()?, &PostgresFts, job);
    }
    let conn = &mut covara_diesel::remote::NeonHttpConnection::establish(url)?;
    if job == "read-texts" {
        return read_texts(conn, text_query!());
    }
    work(conn, &PostgresFts, job)
}

#[cfg(not(feature = "neon"))]
fn on_neon(_: &str, _: bool, _: &str) -> Outcome {
    Err("built without Neon".into())
}

fn work<C, A>(conn: &mut C, adapter: &A, job: &str) -> Outcome
where
    C: DatabaseConnection<Backend: ChangeEngine>,
    A: SearchAdapter<Backend = C::Backend>,
    Number: covara_diesel::seed::SeedRow<C::Backend>,
{
    match job {
        "migrate" => Ok(auto_migrate(conn)?.applied.len().to_string()),
        "stream" => stream(conn, |seed| seed.rows(numbers::up_to(numbers::many()))),
        "stream-csv" => stream(conn, |seed| seed.csv::<Number>(numbers_as_csv())),
        "stream-fixture" => stream(conn, |seed| seed.fixture("numbers", numbers_as_csv())),
        "seed-large-rows" => seed_large_rows(conn),
        "dump-large-rows" => dump_large_rows(conn),
        "dump-csv" => dump(conn, Format::Csv),
        "dump-ndjson" => dump(conn, Format::Ndjson),
        "fill" => {
            let summary = Seed::new().rows(numbers::up_to(100_000)).run(conn)?;
            Ok(summary.inserted().to_string())
        }
        "progress" => {
            conn.batch_execute(numbers::CREATE)?;
            show_progress(conn)
        }
        "progress-and-fail" => {
            let limited = numbers::CREATE.replace("PRIMARY KEY", "PRIMARY KEY CHECK (id < 150000)");
            conn.batch_execute(&limited)?;
            show_progress(conn)
        }
        "boot" => support::boot::work(conn, false),
        "boot-plain" => support::boot::work(conn, true),
        job if job.starts_with("changes-") => support::changes::work(conn, job),
        job if job.starts_with("search-") => support::search::work(adapter, conn, job),
        job if job.starts_with("bound-") => support::bounds::work(adapter, conn, job),
        job => support::auth::work(conn, job),
    }
}

/// Dumps 300,000 rows, and prints by how many bytes the peak grew.
fn dump<C>(conn: &mut C, format: Format) -> Outcome
where
    C: DatabaseConnection,
    Number: covara_diesel::seed::SeedRow<C::Backend>,
{
    conn.batch_execute(numbers::CREATE)?;
    // So few at a time that the peak is not the seed's.
    let few = std::num::NonZeroUsize::MIN.saturating_add(255);
    let seed = Seed::new().chunk_rows(few);
    seed.rows(numbers::up_to(300_000)).run(conn)?;
    let before = memory::peak();
    let dump = Dump::new().format(format);
    let written = dump.table_to(conn, "numbers", std::io::sink())?;
    assert_eq!(written.rows, 300_000);
    Ok((memory::peak() - before).to_string())
}

/// Reads a column of texts and prints how many there were, and by how many bytes the peak grew.
#[cfg(any(feature = "libsql", feature = "d1", feature = "neon"))]
fn read_texts<'c, 'q: 'c, C, Q>(conn: &'c mut C, query: Q) -> Outcome
where
    C: DatabaseConnection,
    Q: diesel::RunQueryDsl<C>
        + diesel::query_dsl::methods::LoadQuery<'q, C, String, diesel::connection::DefaultLoadingMode>
        + 'c,
{
    let before = memory::peak();
    let mut count = 0;
    for text in query.load_iter::<String, diesel::connection::DefaultLoadingMode>(conn)? {
        count += text?.len();
    }
    Ok(format!("{count} {}", memory::peak() - before))
}

/// Reads 2,000 times a column whose name, of 2,000 bytes, is another one each time, and prints
/// that number, and by how many bytes the peak grew.
#[cfg(any(feature = "libsql", feature = "d1"))]
fn read_names<C>(conn: &mut C) -> Outcome
where
    C: DatabaseConnection<Backend = diesel::sqlite::Sqlite>,
{
    use diesel::RunQueryDsl;

    let mut read = |n: usize| -> Outcome {
        let query = format!("'{n}{}'", "x".repeat(2_000));
        let query = diesel::dsl::sql::<diesel::sql_types::Text>(&query);
        Ok(diesel::select(query).get_result::<String>(conn)?)
    };
    // What a connection takes by itself.
    for n in 0..50 {
        read(n)?;
    }
    let before = memory::peak();
    for n in 0..2_000 {
        read(n)?;
    }
    Ok(format!("2000 {}", memory::peak() - before))
}

/// Seeds many generated rows and prints by how many bytes the peak grew.
fn stream<C>(conn: &mut C, add: impl FnOnce(Seed<'static, C>) -> Seed<'static, C>) -> Outcome
where
    C: DatabaseConnection,
{
    conn.batch_execute(numbers::CREATE)?;
    let before = memory::peak();
    let summary = add(Seed::new()).run(conn)?;
    assert_eq!(summary.inserted(), numbers::many() as usize);
    Ok((memory::peak() - before).to_string())
}

/// Rows of 8 MB each, fewer than the memory of a machine could not hold.
fn large_rows() -> usize {
    support::thorough::times(40, 200)
}

/// Seeds rows of 8 MB each and prints by how many bytes the peak grew.
fn seed_large_rows<C: DatabaseConnection>(conn: &mut C) -> Outcome {
    conn.batch_execute("CREATE TABLE large (id BIGINT PRIMARY KEY NOT NULL, body TEXT)")?;
    let row = |id: usize| {
        let begin = std::iter::once(format!("{id},").into_bytes());
        let body = std::iter::repeat_n(vec![b'x'; 1_000], 8_000);
        begin.chain(body).chain([b"\n".to_vec()])
    };
    let chunks = std::iter::once(b"id,body\n".to_vec()).chain((0..large_rows()).flat_map(row));
    let source = FixtureSource::reader("large.csv", Chunks(chunks, Vec::new()));
    let before = memory::peak();
    let summary = Seed::new().fixture("large", source).run(conn)?;
    assert_eq!(summary.inserted(), large_rows());
    Ok((memory::peak() - before).to_string())
}

/// Dumps these rows and prints by how many bytes the peak grew.
fn dump_large_rows<C: DatabaseConnection>(conn: &mut C) -> Outcome {
    let before = memory::peak();
    let written = Dump::new().table_to(conn, "large", std::io::sink())?;
    assert!(written.bytes > 8_000_000 * written.rows);
    assert_eq!(usize::try_from(written.rows)?, large_rows());
    Ok((memory::peak() - before).to_string())
}

/// The many rows as a file that is written while it is read.
fn numbers_as_csv() -> FixtureSource<'static> {
    let header = b"id,label,half\n".to_vec();
    let rows = numbers::up_to(numbers::many()).map(|Number { id, label, half }| {
        // Every third on two lines: positions must not add up either.
        let between = if id % 3 == 0 { "\n" } else { "" };
        let half = half.map_or_else(String::new, |half| half.to_string());
        format!("{id},\"{label}{between}\",{half}\n").into_bytes()
    });
    let chunks = std::iter::once(header).chain(rows);
    FixtureSource::reader("numbers.csv", Chunks(chunks, Vec::new()))
}

/// Reads the bytes of one item after the other.
struct Chunks<I>(I, Vec<u8>);

impl<I: Iterator<Item = Vec<u8>>> Read for Chunks<I> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.1.is_empty() {
            self.1 = self.0.next().unwrap_or_default();
        }
        let taken = self.1.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.1[..taken]);
        self.1.drain(..taken);
        Ok(taken)
    }
}

/// Seeds one table twice with the ready-made bar.
fn show_progress<C>(conn: &mut C) -> Outcome
where
    C: DatabaseConnection,
    Number: covara_diesel::seed::SeedRow<C::Backend>,
{
    let summary = Seed::new()
        .rows(numbers::up_to(200_000))
        .rows(numbers::up_to(200_000))
        .progress(covara_diesel::progress_bar())
        .run(conn)?;
    Ok(format!("inserted {}", summary.inserted()))
}
