use rusqlite::Connection;

use super::ByHand;
use super::judged::{NAME, Packages, PlainRanking};

/// Two files: the own tables, and the adapter's.
pub struct Sqlite {
    own: Connection,
    adapters: Connection,
    table: String,
}

impl Sqlite {
    pub fn open(own: &str, adapters: &str) -> Self {
        let open = |path| {
            let conn = Connection::open(path).expect("a file of our own");
            conn.execute_batch(
                "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;
                 PRAGMA synchronous = NORMAL",
            )
            .expect("an open connection");
            conn
        };
        Self {
            own: open(own),
            adapters: open(adapters),
            table: String::new(),
        }
    }
}

impl ByHand for Sqlite {
    fn fill(&mut self, documents: &[(String, String, String)]) {
        self.own
            .execute_batch(
                "DROP TABLE IF EXISTS docs; DROP TABLE IF EXISTS words;
                 CREATE TABLE docs (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
                                    source TEXT NOT NULL);
                 CREATE VIRTUAL TABLE words USING fts5 (body, content='', contentless_delete=1,
                     tokenize='porter unicode61 remove_diacritics 2')",
            )
            .expect("SQL");
        let transaction = self.own.transaction().expect("an idle connection");
        {
            let mut row = transaction
                .prepare("INSERT INTO docs (id, source) VALUES (?, ?)")
                .expect("SQL");
            let mut words = transaction
                .prepare("INSERT INTO words (rowid, body) VALUES (?, ?)")
                .expect("SQL");
            for (id, text, source) in documents {
                let key = row.insert((id, source)).expect("a new id");
                words.execute((key, text)).expect("a new key");
            }
        }
        transaction.commit().expect("a free file");
    }

    fn look(&mut self, index: &str) {
        let sql = "SELECT number FROM __covara_search_indexes WHERE name = ?";
        let number: i64 = self
            .adapters
            .query_row(sql, [index], |row| row.get(0))
            .expect("the index");
        self.table = format!("__covara_search_{number}");
    }

    fn search(&mut self, words: &[&str]) -> (Vec<(String, f64, String)>, i64) {
        let table = &self.table;
        let matches: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let matches = matches.join(" AND ");
        let mut page = self
            .adapters
            .prepare_cached(&format!(
                "SELECT p.id, p.score, d.source FROM (
                     SELECT d.key, d.id, -bm25({table}_words) AS score
                     FROM {table}_words JOIN {table} AS d ON d.key = {table}_words.rowid
                     WHERE {table}_words MATCH ? ORDER BY score DESC, d.id LIMIT 20
                 ) AS p JOIN {table} AS d ON d.key = p.key ORDER BY p.score DESC, p.id"
            ))
            .expect("SQL");
        let page = page
            .query_map([&matches], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .expect("SQL")
            .collect::<Result<_, _>>()
            .expect("rows");
        let mut count = self
            .adapters
            .prepare_cached(&format!(
                "SELECT count(*) FROM {table}_words WHERE {table}_words MATCH ?"
            ))
            .expect("SQL");
        let total = count
            .query_row([&matches], |row| row.get(0))
            .expect("a row");
        (page, total)
    }

    fn facet(&mut self, word: &str, field: usize) -> Vec<(String, i64)> {
        let table = &self.table;
        let (value, each) = match field {
            1 => ("d.c1", ""),
            _ => ("e.value", "JOIN json_each(d.c2) AS e"),
        };
        let mut counts = self
            .adapters
            .prepare_cached(&format!(
                "SELECT {value}, count(*)
                 FROM {table}_words JOIN {table} AS d ON d.key = {table}_words.rowid {each}
                 WHERE {table}_words MATCH ?
                 GROUP BY {value} ORDER BY count(*) DESC, {value} LIMIT 10"
            ))
            .expect("SQL");
        let counts = counts.query_map([word], |row| Ok((row.get(0)?, row.get(1)?)));
        counts
            .expect("SQL")
            .collect::<Result<_, _>>()
            .expect("rows")
    }
}

impl PlainRanking for Sqlite {
    const NAME: &'static str = "FTS5 bm25()";

    fn fill(&mut self, packages: &Packages) {
        self.own
            .execute_batch(
                "CREATE VIRTUAL TABLE packages USING fts5 (name, synopsis,
                     tokenize='porter unicode61 remove_diacritics 2'); BEGIN",
            )
            .expect("SQL");
        {
            let mut insert = self
                .own
                .prepare("INSERT INTO packages VALUES (?, ?)")
                .expect("SQL");
            for package in &packages.all {
                insert.execute((&package.0, &package.1)).expect("a new row");
            }
        }
        self.own.execute_batch("COMMIT").expect("a free file");
    }

    fn search(&mut self, words: &str, most: usize) -> Vec<String> {
        let words: Vec<String> = words.split(' ').map(|word| format!("\"{word}\"")).collect();
        let mut page = self
            .own
            .prepare_cached(&format!(
                "SELECT name FROM packages WHERE packages MATCH ?
                 ORDER BY bm25(packages, {NAME}, 1.0), name LIMIT {most}"
            ))
            .expect("SQL");
        let names = page.query_map([words.join(" ")], |row| row.get(0));
        names.expect("SQL").collect::<Result<_, _>>().expect("rows")
    }
}
