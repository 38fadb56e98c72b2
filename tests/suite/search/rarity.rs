//! Words that few documents have.

use covara_diesel::search::{Field, IndexDefinition, SearchAdapter, SearchQuery};
use serde_json::json;

use super::{index_of, search};
use crate::backend::{Conn, Fts, TestDb};

/// A hundred documents with a frequent word, and some with a rare one, too.
fn frequent() -> (TestDb, Conn) {
    let (db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("title", Field::text().weight(2.0))
            .field("body", Field::text()),
    );
    let some = (0..100).map(|n| {
        (
            format!("n{n:03}"),
            format!("common filler words {n} and so on"),
        )
    });
    let both = [
        ("many-common", "common common common common rare x y z"),
        ("many-rare", "common rare rare rare x y z w"),
        ("one-each", "common rare x y z w v u"),
    ];
    let both = both.map(|(id, body)| (id.to_owned(), body.to_owned()));
    let documents = some
        .chain(both)
        .map(|(id, body)| (id, json!({ "body": body })));
    Fts.index_many(&mut conn, "docs", documents).unwrap();
    (db, conn)
}

fn ranked(conn: &mut Conn, query: &SearchQuery) -> Vec<String> {
    let hits = search(conn, query).hits;
    hits.into_iter().map(|hit| hit.id).collect()
}

#[test]
fn a_rare_word_counts_for_more_than_a_frequent_one() {
    let (_db, mut conn) = frequent();
    let conn = &mut conn;
    for words in ["common rare", "rare common"] {
        let order = ranked(conn, &SearchQuery::new(words));
        assert_eq!(order[0], "many-rare", "{order:?}");
        let any = ranked(conn, &SearchQuery::new(words).any().size(4));
        assert_eq!(any[0], "many-rare", "{any:?}");
    }
}
