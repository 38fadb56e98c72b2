//! Databases whose encoding is not UTF-8.

use covara_diesel::search::{
    Field, Highlight, IndexDefinition, Language, PostgresFts, SearchAdapter, SearchQuery,
};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::json;
use support::postgres::{connect, server_url};

/// A database in Latin-1; gone when dropped.
struct Latin1(String);

impl Latin1 {
    fn new() -> Self {
        let name = format!("covara_latin1_{}", std::process::id());
        run(&format!(
            "CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        ));
        Self(name)
    }

    fn connect(&self) -> PgConnection {
        let url = server_url();
        let (server, _) = url.rsplit_once('/').unwrap();
        connect(&format!("{server}/{}", self.0)).unwrap()
    }
}

impl Drop for Latin1 {
    fn drop(&mut self) {
        run(&format!("DROP DATABASE {} WITH (FORCE)", self.0));
    }
}

fn run(sql: &str) {
    connect(&server_url()).unwrap().batch_execute(sql).unwrap();
}

#[test]
fn a_database_in_latin_1_is_searched() {
    let db = Latin1::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    let definition = IndexDefinition::new()
        .field("name", Field::keyword().weight(2.0))
        .field("text", Field::text().language(Language::German));
    PostgresFts.create_index(conn, "docs", &definition).unwrap();
    let documents = [
        ("1", json!({"name": "C++", "text": "Größe ½, naïve Häuser"})),
        (
            "2",
            json!({"name": "groß ".repeat(80), "text": "laufende Häuser"}),
        ),
        ("3", json!({"name": "C#", "text": "ein Haus"})),
    ];
    PostgresFts.index_many(conn, "docs", documents).unwrap();
    let mut found = |query: SearchQuery| -> Vec<String> {
        let found = PostgresFts.search(conn, "docs", &query).unwrap();
        found.hits.into_iter().map(|hit| hit.id).collect()
    };
    assert_eq!(found(SearchQuery::new("c++")), ["1"]);
    assert_eq!(found(SearchQuery::new("grosse haus")), ["1"]);
    assert_eq!(found(SearchQuery::new("½")), ["1"]);
    assert_eq!(found(SearchQuery::new("laufe").as_you_type()), ["2"]);
    assert_eq!(found(SearchQuery::new("c haus").any()).len(), 3);
    let query = SearchQuery::new("häuser").highlight(Highlight::new());
    let hits = PostgresFts.search(conn, "docs", &query).unwrap().hits;
    let shown = hits.iter().find(|hit| hit.id == "2").unwrap();
    assert_eq!(shown.highlights["text"], ["laufende <em>Häuser</em>"]);
}
