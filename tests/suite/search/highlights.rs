//! What was found is shown.

use std::collections::BTreeMap;

use covara_diesel::search::{
    Field, Highlight, IndexDefinition, Language, SearchAdapter, SearchQuery,
};
use serde_json::json;

use super::{index_of, library, search};
use crate::backend::{Conn, Fts};

fn shown(conn: &mut Conn, id: &str, query: SearchQuery) -> BTreeMap<String, Vec<String>> {
    let found = search(conn, &query);
    let hit = found.hits.into_iter().find(|hit| hit.id == id);
    hit.expect("it is found").highlights
}

fn one(field: &str, text: &str) -> BTreeMap<String, Vec<String>> {
    BTreeMap::from([(field.to_owned(), vec![text.to_owned()])])
}

#[test]
fn highlights_come_only_when_asked_for() {
    let (_db, mut conn) = library();
    assert_eq!(
        shown(&mut conn, "1", SearchQuery::new("database")),
        BTreeMap::new()
    );
}

#[test]
fn highlights_mark_stems_accents_phrases_prefixes_and_pairs() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    let query = |words: &str| SearchQuery::new(words).highlight(Highlight::new());
    let both = shown(conn, "2", query("databases run"));
    let text = "A <em>database</em> ran here once; it <em>runs</em> no more.";
    assert_eq!(both, one("body", text));
    assert_eq!(
        shown(conn, "6", query("sao")),
        one("body", "Ein Weg durch <em>São</em> Paulo.")
    );
    assert_eq!(
        shown(conn, "4", query("york,new").syntax()),
        one("title", "<em>York</em>, <em>new</em> and old")
    );
    let phrase = shown(conn, "3", query("\"new york\"").syntax());
    assert_eq!(phrase, one("title", "<em>New</em> <em>York</em>"));
    assert_eq!(
        shown(conn, "3", query("sle*").syntax()),
        one("body", "Cities that never <em>sleep</em>.")
    );
    let tokyo = shown(conn, "5", query("東京").fields(["title", "body"]));
    assert_eq!(tokyo["title"], ["<em>東京</em>タワー"]);
    assert_eq!(tokyo["body"], ["<em>東京</em>都にある塔。"]);
    assert_eq!(
        shown(conn, "5", query("タ")),
        one("title", "東京<em>タ</em>ワー")
    );
    assert_eq!(
        shown(conn, "5", query("京タワ")),
        one("title", "東<em>京タワ</em>ー")
    );
}

#[test]
fn highlights_are_of_the_querys_fields_and_not_of_exclusions() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    let query = SearchQuery::new("york -sleep")
        .syntax()
        .highlight(Highlight::new());
    assert_eq!(
        shown(conn, "4", query),
        one("title", "<em>York</em>, new and old")
    );
    Fts.index(
        conn,
        "docs",
        "7",
        &json!({"title": "word", "body": "word", "author": "word"}),
    )
    .unwrap();
    let query = SearchQuery::new("word")
        .fields(["body"])
        .highlight(Highlight::new());
    assert_eq!(shown(conn, "7", query), one("body", "<em>word</em>"));
}

#[test]
fn highlights_escape_everything_but_the_tags() {
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", Field::text()));
    let conn = &mut conn;
    let text = "<script>alert(\"x\")</script> & 'word' <em>";
    Fts.index(conn, "docs", "1", &json!({"body": text}))
        .unwrap();
    let query =
        SearchQuery::new("word script").highlight(Highlight::new().tags("<b class=\"x\">", "</b>"));
    let expected = "&lt;<b class=\"x\">script</b>&gt;alert(&quot;x&quot;)&lt;/<b class=\"x\">script</b>&gt; \
                    &amp; &#39;<b class=\"x\">word</b>&#39; &lt;em&gt;";
    assert_eq!(shown(conn, "1", query), one("body", expected));
}

#[test]
fn highlights_show_long_texts_in_fragments() {
    let (_db, mut conn) =
        index_of(&IndexDefinition::new().field("body", Field::text().language(Language::English)));
    let conn = &mut conn;
    let filler = "lorem ipsum dolor sit amet ".repeat(20);
    let text = format!(
        "{filler}first needle {filler}second needles {filler}third needle {filler}fourth needle"
    );
    Fts.index(conn, "docs", "1", &json!({"body": text}))
        .unwrap();
    let query = SearchQuery::new("needle").highlight(Highlight::new());
    let pieces = shown(conn, "1", query)["body"].clone();
    assert_eq!(pieces.len(), 3);
    for (piece, word) in pieces.iter().zip(["first", "second", "third"]) {
        assert!(piece.contains(&format!("{word} <em>needle")), "{piece}");
        assert!(piece.chars().count() <= 150 + "<em></em>".len(), "{piece}");
        assert!(
            !piece.starts_with(' ') && !piece.ends_with(' '),
            "cut between words: {piece:?}"
        );
    }
    let query = SearchQuery::new("needle").highlight(Highlight::new().whole());
    let whole = shown(conn, "1", query)["body"].clone();
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0].replace("<em>", "").replace("</em>", ""), text);
    assert_eq!(whole[0].matches("<em>").count(), 4);
    let list = json!({"body": ["no", "a needle", "none", "needles & pins"]});
    Fts.index(conn, "docs", "2", &list).unwrap();
    let query = SearchQuery::new("needle").highlight(Highlight::new());
    assert_eq!(
        shown(conn, "2", query)["body"],
        ["a <em>needle</em>", "<em>needles</em> &amp; pins"]
    );
}
