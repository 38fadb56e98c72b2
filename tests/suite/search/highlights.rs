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

#[test]
fn the_best_fragments_come_first() {
    let (_db, mut conn) =
        index_of(&IndexDefinition::new().field("body", Field::text().language(Language::English)));
    let conn = &mut conn;
    let filler = "lorem ipsum dolor sit amet ".repeat(20);
    let text = format!(
        "one needle {filler}two needles, needle {filler}a haystack {filler}needle in a haystack \
         {filler}last needle"
    );
    let list = json!({"body": [text, "haystacks have needles, haystacks and hay"]});
    Fts.index(conn, "docs", "1", &list).unwrap();
    let query = |fragments: usize| {
        let highlight = Highlight::new().fragment_length(40).fragments(fragments);
        SearchQuery::new("needle haystack").highlight(highlight)
    };
    let best = shown(conn, "1", query(4))["body"].clone();
    assert_eq!(best.len(), 4);
    assert!(
        best[0].starts_with("<em>haystacks</em> have <em>needles</em>, <em>"),
        "{best:?}"
    );
    assert!(
        best[1].contains("<em>needle</em> in a <em>haystack</em>"),
        "{best:?}"
    );
    assert!(
        best[2].contains("two <em>needles</em>, <em>needle</em>"),
        "{best:?}"
    );
    assert!(best[3].contains("one <em>needle</em>"), "{best:?}");
    assert_eq!(shown(conn, "1", query(2))["body"], best[..2]);
    assert_eq!(shown(conn, "1", query(100))["body"].len(), 6);
}

#[test]
fn no_fragment_ends_within_a_phrase() {
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", Field::text()));
    let conn = &mut conn;
    let phrase = "the quick brown fox jumps over it";
    for before in 0..40 {
        let text = format!("{} {phrase} and then {phrase}", "x".repeat(before));
        Fts.index(conn, "docs", "1", &json!({ "body": text }))
            .unwrap();
        for length in [0, 5, 20, 40, 60] {
            let highlight = Highlight::new().fragment_length(length);
            let query = SearchQuery::new(format!("\"{phrase}\" x*"))
                .syntax()
                .highlight(highlight);
            let pieces = shown(conn, "1", query.clone().any())["body"].clone();
            let whole = phrase.replace(' ', "</em> <em>");
            let all: usize = pieces
                .iter()
                .map(|piece| piece.matches(&whole).count())
                .sum();
            assert_eq!(all, 2, "{before}, {length}: {pieces:?}");
        }
    }
}
