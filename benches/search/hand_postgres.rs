use std::collections::HashMap;

use postgres::{Client, NoTls, Statement};

use super::ByHand;
use super::judged::{NAME, Packages, PlainRanking};

/// Two databases: the own tables, and the adapter's.
pub struct Postgres {
    own: Client,
    adapters: Client,
    /// Page and count.
    statements: Option<(Statement, Statement)>,
    table: String,
    /// By the number of the field.
    facets: HashMap<usize, Statement>,
}

impl Postgres {
    pub fn open(own: &str, adapters: &str) -> Self {
        let connect = |url| Client::connect(url, NoTls).expect("the test server");
        Self {
            own: connect(own),
            adapters: connect(adapters),
            statements: None,
            table: String::new(),
            facets: HashMap::new(),
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

    fn look(&mut self, index: &str) {
        let sql = "SELECT number FROM __covara_search_indexes WHERE name = $1";
        let row = self.adapters.query_one(sql, &[&index]).expect("the index");
        let number: i64 = row.get(0);
        let table = format!("__covara_search_{number}");
        let page = format!(
            "SELECT p.id, p.score, d.source FROM (
                 SELECT id, ts_rank(words, CAST($2::text AS tsquery), 1)::float8 AS score
                 FROM {table} WHERE words @@ CAST($1::text AS tsquery)
                 ORDER BY score DESC, id LIMIT 20
             ) AS p JOIN {table} AS d ON d.id = p.id ORDER BY p.score DESC, p.id"
        );
        let count =
            format!("SELECT count(*) FROM {table} WHERE words @@ CAST($1::text AS tsquery)");
        let page = self.adapters.prepare(&page).expect("SQL");
        let count = self.adapters.prepare(&count).expect("SQL");
        self.statements = Some((page, count));
        self.table = table;
        self.facets.clear();
    }

    fn search(&mut self, words: &[&str]) -> (Vec<(String, f64, String)>, i64) {
        let (page, count) = self.statements.as_ref().expect("looked before");
        // Words of field 0 begin so there.
        let all: Vec<String> = words.iter().map(|word| format!("0{word}")).collect();
        let (all, any) = (all.join(" & "), all.join(" | "));
        let rows = self.adapters.query(page, &[&all, &any]).expect("SQL");
        let page = rows.iter();
        let page = page
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect();
        let count = self.adapters.query_one(count, &[&all]).expect("SQL");
        (page, count.get(0))
    }

    fn facet(&mut self, word: &str, field: usize) -> Vec<(String, i64)> {
        let (value, each) = match field {
            1 => ("c1", ""),
            _ => ("e.value", ", jsonb_array_elements_text(c2) AS e (value)"),
        };
        let table = &self.table;
        let statement = self.facets.entry(field).or_insert_with(|| {
            let sql = format!(
                "SELECT {value}, count(*) FROM {table}{each} WHERE words @@ CAST($1::text AS tsquery)
                 GROUP BY {value} ORDER BY count(*) DESC, {value} LIMIT 10"
            );
            self.adapters.prepare(&sql).expect("SQL")
        });
        let word = format!("0{word}");
        let counts = self.adapters.query(&*statement, &[&word]).expect("SQL");
        let counts = counts.iter();
        counts.map(|row| (row.get(0), row.get(1))).collect()
    }
}

impl PlainRanking for Postgres {
    const NAME: &'static str = "ts_rank_cd()";

    fn fill(&mut self, packages: &Packages) {
        self.own
            .batch_execute("CREATE TABLE packages (name TEXT, words TSVECTOR NOT NULL)")
            .expect("SQL");
        let names: Vec<&str> = packages.all.iter().map(|(name, _)| name.as_str()).collect();
        let synopses = packages.all.iter().map(|(_, synopsis)| synopsis.as_str());
        let synopses: Vec<&str> = synopses.collect();
        self.own
            .execute(
                "INSERT INTO packages
                 SELECT v.name, setweight(to_tsvector('english', v.name), 'A')
                     || setweight(to_tsvector('english', v.synopsis), 'D')
                 FROM unnest($1::text[], $2::text[]) AS v (name, synopsis)",
                &[&names, &synopses],
            )
            .expect("rows");
    }

    fn search(&mut self, words: &str, most: usize) -> Vec<String> {
        let other = 1.0 / NAME;
        let page = format!(
            "SELECT name FROM packages, plainto_tsquery('english', $1) AS q WHERE words @@ q
             ORDER BY ts_rank_cd('{{{other},0,0,1}}', words, q, 1) DESC, name LIMIT {most}"
        );
        let rows = self.own.query(&page, &[&words]).expect("SQL");
        rows.iter().map(|row| row.get(0)).collect()
    }
}
