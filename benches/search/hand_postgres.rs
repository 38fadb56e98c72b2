use postgres::{Client, NoTls};

use super::ByHand;

/// Two databases: the own tables, and the adapter's.
pub struct Postgres {
    own: Client,
    adapters: Client,
}

impl Postgres {
    pub fn open(own: &str, adapters: &str) -> Self {
        let connect = |url| Client::connect(url, NoTls).expect("the test server");
        Self {
            own: connect(own),
            adapters: connect(adapters),
        }
    }
}

impl ByHand for Postgres {
    fn fill(&mut self, documents: &[(String, String, String)]) {
        self.own
            .batch_execute(
                "DROP TABLE IF EXISTS docs;
                 CREATE TABLE docs (id TEXT COLLATE \"C\" PRIMARY KEY, words TSVECTOR NOT NULL,
                                    source TEXT NOT NULL);
                 CREATE INDEX ON docs USING gin (words)",
            )
            .expect("SQL");
        let mut transaction = self.own.transaction().expect("an idle connection");
        let insert = transaction
            .prepare(
                "INSERT INTO docs SELECT v.id, to_tsvector('english', v.body), v.source
                 FROM unnest($1::text[], $2::text[], $3::text[]) AS v (id, body, source)",
            )
            .expect("SQL");
        for chunk in documents.chunks(1_024) {
            let ids: Vec<&str> = chunk.iter().map(|(id, ..)| id.as_str()).collect();
            let bodies: Vec<&str> = chunk.iter().map(|(_, body, _)| body.as_str()).collect();
            let sources: Vec<&str> = chunk.iter().map(|(.., source)| source.as_str()).collect();
            transaction
                .execute(&insert, &[&ids, &bodies, &sources])
                .expect("new ids");
        }
        transaction.commit().expect("a living server");
    }

    fn search(&mut self, words: &[&str]) -> (Vec<(String, f64, String)>, i64) {
        let row = self
            .adapters
            .query_one(
                "SELECT number FROM __covara_search_indexes WHERE name = 'docs'",
                &[],
            )
            .expect("the index");
        let number: i64 = row.get(0);
        let table = format!("__covara_search_{number}");
        // Words of field 0 begin so there.
        let all: Vec<String> = words.iter().map(|word| format!("0{word}")).collect();
        let (all, any) = (all.join(" & "), all.join(" | "));
        let rows = self
            .adapters
            .query(
                &format!(
                    "SELECT p.id, p.score, d.source FROM (
                         SELECT id, ts_rank(words, CAST($2::text AS tsquery), 1)::float8 AS score
                         FROM {table} WHERE words @@ CAST($1::text AS tsquery)
                         ORDER BY score DESC, id LIMIT 20
                     ) AS p JOIN {table} AS d ON d.id = p.id ORDER BY p.score DESC, p.id"
                ),
                &[&all, &any],
            )
            .expect("SQL");
        let page = rows
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect();
        let count = self
            .adapters
            .query_one(
                &format!("SELECT count(*) FROM {table} WHERE words @@ CAST($1::text AS tsquery)"),
                &[&all],
            )
            .expect("SQL");
        (page, count.get(0))
    }
}
