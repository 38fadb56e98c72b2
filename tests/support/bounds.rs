//! Jobs whose memory is measured, each in a process of its own. They print by how many bytes the
//! peak grew.

use std::io::{self, Read, Write};

use covara_diesel::fixture::FixtureSource;
use covara_diesel::search::{
    Field, Filter, Highlight, IndexDefinition, SearchAdapter, SearchQuery,
};
use covara_diesel::{DatabaseConnection, Seed};
use diesel::connection::SimpleConnection;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::memory;

/// How many long rows a file has, and how long each is.
pub const LONG_ROWS: usize = 24;
pub const LONG_ROW: usize = 8 << 20;

pub fn work<C, A>(
    adapter: &A,
    conn: &mut C,
    job: &str,
) -> Result<String, Box<dyn std::error::Error>>
where
    C: DatabaseConnection,
    A: SearchAdapter<Backend = C::Backend>,
{
    match job {
        "bound-csv" => seed(conn, "texts.csv", rows("id,text\n", "1,", "\n")),
        "bound-ndjson" => seed(
            conn,
            "texts.ndjson",
            rows("", "{\"id\": 1, \"text\": \"", "\"}\n"),
        ),
        "bound-longest" => {
            let text = io::repeat(b'x').take((64 << 20) - 16);
            seed(conn, "texts.csv", (&b"id,text\n1,"[..]).chain(text))
        }
        "bound-newlines" => {
            let blank = io::repeat(b'\n').take(64 << 20);
            seed(
                conn,
                "texts.csv.gz",
                zipped((&b"id,text\n1,a\n"[..]).chain(blank).chain(&b"2,b"[..])),
            )
        }
        "bound-commas" => {
            let commas = io::repeat(b',').take(60 << 20);
            refused(
                conn,
                "texts.csv.gz",
                zipped(commas),
                "more than 32,767 fields",
            )
        }
        "bound-keys" => {
            let keys = "\"\":0,".repeat(1_000_000);
            let line = format!("{{{keys}\"id\": 1}}");
            refused(
                conn,
                "texts.ndjson",
                io::Cursor::new(line),
                "more than 32,767 keys",
            )
        }
        "bound-highlight" => highlight(adapter, conn),
        "bound-lists" => lists(adapter, conn),
        _ => Err(format!("no job {job}").into()),
    }
}

/// Rows with one id, so that the database keeps only the first.
fn rows(header: &str, before: &str, after: &str) -> impl Read {
    let (before, after) = (before.as_bytes().to_vec(), after.as_bytes().to_vec());
    let mut all: Box<dyn Read> = Box::new(io::Cursor::new(header.as_bytes().to_vec()));
    for _ in 0..LONG_ROWS {
        let text = io::repeat(b'x').take(LONG_ROW as u64);
        let row = io::Cursor::new(before.clone());
        all = Box::new(
            all.chain(row)
                .chain(text)
                .chain(io::Cursor::new(after.clone())),
        );
    }
    all
}

fn zipped(mut content: impl Read) -> io::Cursor<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    io::copy(&mut content, &mut encoder).expect("memory");
    encoder.flush().expect("memory");
    io::Cursor::new(encoder.finish().expect("memory"))
}

fn table<C: SimpleConnection>(conn: &mut C) -> diesel::QueryResult<()> {
    conn.batch_execute("CREATE TABLE texts (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")
}

fn seed<C: DatabaseConnection>(
    conn: &mut C,
    name: &str,
    content: impl Read,
) -> Result<String, Box<dyn std::error::Error>> {
    table(conn)?;
    let before = memory::peak();
    let source = FixtureSource::reader(name, content);
    Seed::new().fixture("texts", source).run(conn)?;
    Ok((memory::peak() - before).to_string())
}

fn refused<C: DatabaseConnection>(
    conn: &mut C,
    name: &str,
    content: impl Read,
    reason: &str,
) -> Result<String, Box<dyn std::error::Error>> {
    table(conn)?;
    let before = memory::peak();
    let source = FixtureSource::reader(name, content);
    let refused = Seed::new().fixture("texts", source).run(conn);
    let error = refused.expect_err("more columns than a table can have");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    let text = format!("{error}: {}", source.unwrap_or_default());
    assert!(text.contains(reason), "{text}");
    Ok((memory::peak() - before).to_string())
}

fn highlight<C, A>(adapter: &A, conn: &mut C) -> Result<String, Box<dyn std::error::Error>>
where
    C: DatabaseConnection,
    A: SearchAdapter<Backend = C::Backend>,
{
    let definition = IndexDefinition::new().field("body", Field::text());
    adapter.create_index(conn, "docs", &definition)?;
    let body = "ha ".repeat(60_000);
    adapter.index(conn, "docs", "1", &json!({ "body": body }))?;
    // PostgreSQL knows 255 places of a word, so it finds no longer phrase of one.
    let query = SearchQuery::new(["ha"; 250].join("-"));
    assert_eq!(adapter.search(conn, "docs", &query)?.total, 1);
    let before = memory::peak();
    let found = adapter.search(conn, "docs", &query.highlight(Highlight::new().whole()))?;
    let marked = found
        .hits
        .first()
        .map(|hit| hit.highlights["body"].concat());
    let marked = marked.unwrap_or_default();
    assert_eq!(marked.matches("<em>ha</em>").count(), 60_000);
    Ok((memory::peak() - before).to_string())
}

/// Filters of every length up to 2,000.
fn lists<C, A>(adapter: &A, conn: &mut C) -> Result<String, Box<dyn std::error::Error>>
where
    C: DatabaseConnection,
    A: SearchAdapter<Backend = C::Backend>,
{
    let definition = IndexDefinition::new()
        .field("body", Field::text())
        .field("n", Field::integer());
    adapter.create_index(conn, "docs", &definition)?;
    adapter.index(conn, "docs", "1", &json!({"body": "word", "n": 0}))?;
    let before = memory::peak();
    for length in 1..2_000_i64 {
        let query = SearchQuery::new("word").filter(Filter::one_of("n", 0..length));
        assert_eq!(adapter.search(conn, "docs", &query)?.total, 1);
    }
    Ok((memory::peak() - before).to_string())
}
