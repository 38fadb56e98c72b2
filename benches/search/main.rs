//! Full-text search against the same by hand, through rusqlite and the `postgres` crate: bulk
//! indexing, writing and deleting one document among few and many, and queries.
//!
//!     tests/with-postgres cargo bench --features postgres --bench search
//!     tests/with-postgres cargo bench --features postgres --bench search -- 10000
//!
//! The number is that of the documents, 100,000 if none is given; `sqlite` or `postgres`
//! measures that engine only, `judged` the order of hits only.

#[path = "../comparison.rs"]
mod comparison;
#[cfg(feature = "postgres")]
mod hand_postgres;
mod hand_sqlite;
mod judged;
#[path = "../measure.rs"]
mod measure;
mod texts;

use std::hint::black_box;
use std::time::Duration;

use comparison::{Comparison, timed};
use covara_diesel::search::{
    Facet, Field, IndexDefinition, Language, SearchAdapter, SearchQuery, SqliteFts,
};
use covara_diesel::{DatabaseConnection, pool};
use judged::Packages;
use measure::{median, print_setting, quantile, short};
use serde_json::{Value, json};
use support::cities;
use texts::{Texts, WIDE};

const ROUNDS: usize = 3;
const QUERIES: usize = 21;

/// Somebody's own SQL, for the same documents and questions.
trait ByHand {
    /// Indexes all documents, id, text and JSON, in a new place.
    fn fill(&mut self, documents: &[(String, String, String)]);

    /// Finds the adapter's tables of an index.
    fn look(&mut self, index: &str);

    /// Id, score and JSON of the 20 best, and how many there are; on the adapter's tables.
    fn search(&mut self, words: &[&str]) -> (Vec<(String, f64, String)>, i64);

    /// The 10 most frequent values of one of the adapter's fields and how often each is among the
    /// matches; see [`TAGS`].
    fn facet(&mut self, word: &str, field: usize) -> Vec<(String, i64)>;
}

/// The fields to count by, with their numbers: one keyword, and several.
const TAGS: [(&str, usize); 2] = [("tag", 1), ("tags", 2)];

fn main() {
    let count = std::env::args().skip(1).find_map(|n| n.parse().ok());
    let count: usize = count.unwrap_or(100_000);
    let is_judged = std::env::args().any(|argument| argument == "judged");
    let texts = Texts::new(if is_judged { 0 } else { count });
    let packages = Packages::read();
    if let Err(reason) = &packages {
        println!("\nThe order of hits: not judged; {reason}");
    }
    let only = |engine: &str| {
        let others = ["sqlite", "postgres"]
            .into_iter()
            .filter(|other| *other != engine);
        let mut others = others.filter(|other| std::env::args().any(|a| a == *other));
        others.next().is_none()
    };
    if only("sqlite") {
        use support::sqlite::TestDb;

        let (ours, theirs) = (TestDb::new(), TestDb::new());
        let pool = pool::sqlite(ours.url()).expect("a new file");
        drop(pool::sqlite(theirs.url()).expect("a new file"));
        let conn = &mut *pool.get().expect("a connection");
        print_setting("SQLite", "bundled", "WAL, synchronous = NORMAL");
        let mut hand = hand_sqlite::Sqlite::open(&theirs.url(), &ours.url());
        if let Ok(packages) = &packages {
            judged::compare("SQLite", &SqliteFts, conn, &mut hand, packages);
        }
        if !is_judged {
            all("SQLite", &SqliteFts, conn, &mut hand, &texts);
        }
    }
    #[cfg(feature = "postgres")]
    if only("postgres") {
        use covara_diesel::pool::PoolDriver;
        use covara_diesel::search::PostgresFts;
        use support::postgres::TestDb;

        let (ours, theirs) = (TestDb::new(), TestDb::new());
        let pool = pool::postgres(ours.url(), PoolDriver::Postgres).expect("the test server");
        let conn = &mut *pool.get().expect("a connection");
        print_setting("PostgreSQL", "", "loopback");
        let mut hand = hand_postgres::Postgres::open(&theirs.url(), &ours.url());
        if let Ok(packages) = &packages {
            judged::compare("PostgreSQL", &PostgresFts, conn, &mut hand, packages);
        }
        if !is_judged {
            all("PostgreSQL", &PostgresFts, conn, &mut hand, &texts);
        }
    }
    #[cfg(not(feature = "postgres"))]
    println!("\nPostgreSQL: not measured, no server; run with --features postgres");
}

fn definition() -> IndexDefinition {
    IndexDefinition::new().field("body", Field::text().language(Language::English))
}

fn all<A, C>(engine: &str, adapter: &A, conn: &mut C, hand: &mut impl ByHand, texts: &Texts)
where
    A: SearchAdapter,
    C: DatabaseConnection<Backend = A::Backend>,
{
    let count = texts.documents.len();
    let documents: Vec<(String, Value)> = texts
        .documents
        .iter()
        .enumerate()
        .map(|(n, text)| (format!("id{n}"), json!({"body": text})))
        .collect();
    let by_hand: Vec<(String, String, String)> = documents
        .iter()
        .zip(&texts.documents)
        .map(|((id, value), text)| (id.clone(), text.clone(), value.to_string()))
        .collect();
    bulk(
        &format!("{engine}, {count} documents of 46 words"),
        ROUNDS,
        adapter,
        conn,
        hand,
        &documents,
        &by_hand,
    );

    flat(engine, adapter, conn, texts);

    // The tables of the last bulk.
    let queries: [(&str, &[&str]); 4] = [
        ("one rare word", &[texts.rare()]),
        ("two words", &[texts.common(), texts.rare()]),
        ("a wide word", &[WIDE]),
        ("a word in few", &[texts.seldom()]),
    ];
    for (title, words) in queries {
        let query = SearchQuery::new(words.join(" "));
        let expected = adapter.search(conn, "docs", &query).expect("a query");
        let title = format!(
            "{engine}, {title}, {} hits, first page and total",
            expected.total
        );
        assert_eq!(hand.search(words).1, expected.total as i64);
        assert_eq!(hand.search(words).0.len(), expected.hits.len());
        against_hand(title, adapter, conn, hand, &query, words);
    }
    println!("\n{engine}, the wide word, adapter alone");
    let wide = || SearchQuery::new(WIDE);
    for (title, query) in [
        ("first page and total", wide()),
        ("bound of 1,000", wide().bound(1_000)),
        ("bound of 3,000", wide().bound(3_000)),
        ("total only", wide().size(0)),
        ("from 5,000", wide().from(5_000)),
    ] {
        print_median(title, adapter, conn, "docs", &query);
    }
    let rare = texts.rare();
    let begun: String = rare.chars().take(3).collect();
    let both = format!("{} {rare}", texts.common());
    let highlight = covara_diesel::search::Highlight::new();
    for (title, query) in [
        (
            "rare word with highlights",
            SearchQuery::new(rare).highlight(highlight),
        ),
        (
            "its first three letters, as typed",
            SearchQuery::new(begun).as_you_type(),
        ),
        ("any of two words", SearchQuery::new(both).any()),
    ] {
        print_median(title, adapter, conn, "docs", &query);
    }

    facets(engine, adapter, conn, hand, texts);
    misspelt(engine, adapter, conn, texts);

    let cities = cities::cities();
    let documents: Vec<(String, Value)> = cities
        .iter()
        .map(|city| (city.geoname_id.to_string(), json!({"body": city.name})))
        .collect();
    let by_hand: Vec<(String, String, String)> = documents
        .iter()
        .zip(&cities)
        .map(|((id, value), city)| (id.clone(), city.name.clone(), value.to_string()))
        .collect();
    bulk(
        &format!("{engine}, {} names of cities", cities.len()),
        1,
        adapter,
        conn,
        hand,
        &documents,
        &by_hand,
    );
    for words in ["sao paulo", "new york", "san"] {
        let query = SearchQuery::new(words);
        let parts: Vec<&str> = words.split(' ').collect();
        let expected = adapter.search(conn, "docs", &query).expect("a query");
        let title = format!("{engine}, cities, {words:?}, {} hits", expected.total);
        against_hand(title, adapter, conn, hand, &query, &parts);
    }
}

fn print_median<A, C>(title: &str, adapter: &A, conn: &mut C, index: &str, query: &SearchQuery)
where
    A: SearchAdapter,
    C: DatabaseConnection<Backend = A::Backend>,
{
    let times: Vec<Duration> = (0..QUERIES)
        .map(|_| timed(|| black_box(adapter.search(conn, index, query).expect("a query"))).0)
        .collect();
    println!("  {title:<36} {:>10}", short(median(&times)));
}

/// By hand documents are text at first; the adapter's are read.
fn against_hand<A, C>(
    title: String,
    adapter: &A,
    conn: &mut C,
    hand: &mut impl ByHand,
    query: &SearchQuery,
    words: &[&str],
) where
    A: SearchAdapter,
    C: DatabaseConnection<Backend = A::Backend>,
{
    let names = ["by hand, documents read", "by hand, as text", "adapter"];
    let mut comparison = Comparison::new(title, &names);
    for _ in 0..QUERIES {
        let (time, found) = timed(|| {
            let (page, total) = hand.search(words);
            let read = |(id, score, json): (String, f64, String)| -> (String, f64, Value) {
                (id, score, serde_json::from_str(&json).expect("JSON"))
            };
            (page.into_iter().map(read).collect::<Vec<_>>(), total)
        });
        black_box(found);
        comparison.add(0, time);
        let (time, found) = timed(|| hand.search(words));
        black_box(found);
        comparison.add(1, time);
        let (time, found) = timed(|| adapter.search(conn, "docs", query).expect("a query"));
        black_box(found);
        comparison.add(2, time);
    }
    comparison.print();
}

/// Leaves the adapter's index `docs` full.
fn bulk<A, C>(
    title: &str,
    rounds: usize,
    adapter: &A,
    conn: &mut C,
    hand: &mut impl ByHand,
    documents: &[(String, Value)],
    by_hand: &[(String, String, String)],
) where
    A: SearchAdapter,
    C: DatabaseConnection<Backend = A::Backend>,
{
    let mut comparison = Comparison::new(title, &["by hand", "index_many", "index_many again"]);
    for _ in 0..rounds {
        comparison.add(0, timed(|| hand.fill(by_hand)).0);
        adapter.delete_index(conn, "docs").expect("a database");
        adapter
            .create_index(conn, "docs", &definition())
            .expect("a new index");
        let mut fill = || {
            let documents = documents.iter().map(|(id, document)| (id, document));
            adapter
                .index_many(conn, "docs", documents)
                .expect("documents")
        };
        comparison.add(1, timed(&mut fill).0);
        comparison.add(2, timed(&mut fill).0);
    }
    comparison.print();
    hand.look("docs");
}

/// The first page, the total and the counts of a field, of the same documents with tags.
fn facets<A, C>(engine: &str, adapter: &A, conn: &mut C, hand: &mut impl ByHand, texts: &Texts)
where
    A: SearchAdapter,
    C: DatabaseConnection<Backend = A::Backend>,
{
    let definition = definition()
        .field("tag", Field::keyword().unsearched())
        .field("tags", Field::keywords().unsearched());
    adapter
        .create_index(conn, "tagged", &definition)
        .expect("a new index");
    let documents = texts.documents.iter().enumerate().map(|(n, text)| {
        let tag = |of: usize| format!("tag{}", n % of);
        let document = json!({"body": text, "tag": tag(50), "tags": [tag(7), tag(11), tag(13)]});
        (format!("id{n}"), document)
    });
    adapter
        .index_many(conn, "tagged", documents)
        .expect("documents");
    hand.look("tagged");
    for word in [texts.rare(), WIDE] {
        for (field, number) in TAGS {
            let query = SearchQuery::new(word).facet(Facet::values(field));
            let expected = adapter.search(conn, "tagged", &query).expect("a query");
            assert_eq!(hand.facet(word, number).len(), expected.facets[0].len());
            let title = format!(
                "{engine}, {} hits, page, total and counts of {field}",
                expected.total
            );
            let mut comparison = Comparison::new(title, &["by hand, as text", "adapter"]);
            for _ in 0..QUERIES {
                let mut by_hand = || (hand.search(&[word]), hand.facet(word, number));
                comparison.add(0, timed(|| black_box(by_hand())).0);
                let mut search = || adapter.search(conn, "tagged", &query).expect("a query");
                comparison.add(1, timed(|| black_box(search())).0);
            }
            comparison.print();
        }
    }
    adapter.delete_index(conn, "tagged").expect("a database");
}

/// Words with mistakes, in an index that learns its words.
fn misspelt<A, C>(engine: &str, adapter: &A, conn: &mut C, texts: &Texts)
where
    A: SearchAdapter,
    C: DatabaseConnection<Backend = A::Backend>,
{
    let definition =
        IndexDefinition::new().field("body", Field::text().language(Language::English).fuzzy());
    adapter
        .create_index(conn, "learnt", &definition)
        .expect("a new index");
    let documents = texts.documents.iter().enumerate();
    let documents = documents.map(|(n, text)| (format!("id{n}"), json!({"body": text})));
    let fill = || adapter.index_many(conn, "learnt", documents);
    let (time, count) = timed(fill);
    let count = count.expect("documents");
    println!(
        "\n{engine}, words with mistakes; {count} documents indexed in {}",
        short(time)
    );
    // The words have seven letters.
    let one = texts.seldom().replacen('k', "", 1);
    let two = format!("{}z", texts.seldom().replace('k', "q"));
    for (title, typed) in [("one mistake", one), ("two mistakes", two)] {
        let found = SearchQuery::new(&typed).fuzzy();
        print_median(&format!("{title}, fuzzy"), adapter, conn, "learnt", &found);
        let suggested = SearchQuery::new(&typed).did_you_mean();
        print_median(
            &format!("{title}, suggestion"),
            adapter,
            conn,
            "learnt",
            &suggested,
        );
    }
    adapter.delete_index(conn, "learnt").expect("a database");
}

/// One document written again, and deleted, among a thousand and among all.
fn flat<A, C>(engine: &str, adapter: &A, conn: &mut C, texts: &Texts)
where
    A: SearchAdapter,
    C: DatabaseConnection<Backend = A::Backend>,
{
    println!("\n{engine}, one document among others: median and 99th of 100");
    let small: Vec<(String, Value)> = texts.documents[..1_000.min(texts.documents.len())]
        .iter()
        .enumerate()
        .map(|(n, text)| (format!("id{n}"), json!({"body": text})))
        .collect();
    adapter
        .create_index(conn, "small", &definition())
        .expect("a new index");
    adapter.index_many(conn, "small", small).expect("documents");
    for (index, count) in [("small", 1_000), ("docs", texts.documents.len())] {
        let mut write = Vec::new();
        let mut delete = Vec::new();
        for n in 0..200 {
            let place = n * 7_919 % count;
            let id = format!("id{place}");
            let document = json!({"body": texts.documents[count - 1 - place]});
            write.push(
                timed(|| {
                    adapter
                        .index(conn, index, &id, &document)
                        .expect("a document")
                })
                .0,
            );
            if n % 2 == 0 {
                let (time, was_there) =
                    timed(|| adapter.delete(conn, index, &id).expect("a database"));
                assert!(was_there);
                delete.push(time);
                adapter
                    .index(conn, index, &id, &document)
                    .expect("a document");
            }
        }
        println!(
            "  {count:>8} documents: write again {} / {}, delete {} / {}",
            short(median(&write)),
            short(quantile(&write, 0.99)),
            short(median(&delete)),
            short(quantile(&delete, 0.99)),
        );
    }
    adapter.delete_index(conn, "small").expect("a database");
}
