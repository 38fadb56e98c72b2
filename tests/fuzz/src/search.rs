//! Queries, cursors, and the texts that are searched.

use std::cell::RefCell;
use std::collections::BTreeSet;

use covara_diesel::search::{
    Field, Filter, Highlight, IndexDefinition, Language, SearchAdapter, SearchError, SearchHit,
    SearchQuery, Sort, SqliteFts,
};
use data_encoding::BASE64URL_NOPAD;
use diesel::prelude::*;
use serde_json::{Value, json};

use crate::choice;

const BEFORE: &str = "<em>";
const AFTER: &str = "</em>";

fn definition(language: Language) -> IndexDefinition {
    IndexDefinition::new()
        .field("title", Field::text().language(language).weight(3.0))
        .field("body", Field::text())
        .field("exact", Field::text().keep_accents())
        .field("tag", Field::keyword())
        .field("number", Field::integer())
        .field("float", Field::float())
        .field("day", Field::date())
}

fn library() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").expect("memory");
    for language in Language::all() {
        let made = SqliteFts.create_index(&mut conn, language.name(), &definition(language));
        made.expect("an index");
    }
    let index = Language::English.name();
    let words = [
        "Running",
        "wörds",
        "new york",
        "東京タワー",
        "john's",
        "x-1",
        "ﬁne",
        "한국어",
    ];
    for n in 0..24_usize {
        let word = |step: usize| words[n.wrapping_mul(step).wrapping_add(step) % words.len()];
        let document = json!({
            "title": format!("{} {}", word(1), word(3)),
            "body": format!("{} & {} <b>{}</b> {}", word(2), word(5), word(7), word(1)),
            "exact": word(4),
            "tag": word(3),
            "number": n / 3,
            "float": (n % 5 != 0).then_some(0.5),
            "day": "2026-01-31",
        });
        let id = n.to_string();
        SqliteFts
            .index(&mut conn, index, &id, &document)
            .expect("indexed");
    }
    conn
}

/// Runs `work` on the indexes, and undoes what it did.
pub(crate) fn undone(work: impl FnOnce(&mut SqliteConnection)) {
    thread_local! {
        static CONN: RefCell<SqliteConnection> = RefCell::new(library());
    }
    CONN.with_borrow_mut(|conn| {
        let end = conn.transaction::<(), _, _>(|conn| {
            work(conn);
            Err(diesel::result::Error::RollbackTransaction)
        });
        assert_eq!(end, Err(diesel::result::Error::RollbackTransaction));
    });
}

/// The first byte's bits are what is asked for besides, the second the order.
fn asked<'a>(data: &'a [u8]) -> Option<(SearchQuery, &'a str)> {
    let (ways, data) = choice(data);
    let (order, data) = choice(data);
    let text = std::str::from_utf8(data).ok()?;
    let mut query = SearchQuery::new(text);
    if ways & 1 > 0 {
        query = query.syntax();
    }
    if ways & 2 > 0 {
        query = query.fields(["title", "tag"]);
    }
    if ways & 4 > 0 {
        query = query.field_weight("body", 0.5);
    }
    if ways & 8 > 0 {
        let number = Filter::range("number", 2..7);
        query = query.filter(Filter::any([number, Filter::not(Filter::present("float"))]));
    }
    if ways & 16 > 0 {
        query = query.filter(Filter::is("tag", text));
    }
    query.any = ways & 32 > 0;
    query.as_you_type = ways & 64 > 0;
    query = match order % 4 {
        0 => query,
        1 => query.sort(Sort::ascending("float")),
        2 => query
            .sort(Sort::descending("tag"))
            .sort(Sort::ascending("number")),
        _ => query.sort(Sort::descending("day")).sort(Sort::score()),
    };
    Some((query, text))
}

/// Pages by cursor and by number have the same hits, each of them once.
pub(crate) fn queries(data: &[u8]) {
    let Some((query, _)) = asked(data) else {
        return;
    };
    undone(|conn| {
        let index = Language::English.name();
        let all = query.clone().size(100);
        let all = match SqliteFts.search(conn, index, &all) {
            Ok(all) => all,
            Err(error) => return known(&error),
        };
        assert_eq!(all.total, all.hits.len());
        let (mut found, mut cursor) = (Vec::new(), None);
        for _ in 0..=all.total / 5 + 1 {
            let mut page = query.clone().size(5);
            page.cursor = cursor;
            let page = SqliteFts.search(conn, index, &page).expect("the next page");
            assert_eq!(page.total, all.total);
            found.extend(page.hits.into_iter().map(|hit| hit.id));
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        let ids: Vec<String> = all.hits.into_iter().map(|hit| hit.id).collect();
        assert_eq!(found, ids);
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    });
}

/// Errors of what was asked, not of the SQL that was made of it.
pub(crate) fn known(error: &SearchError) {
    assert!(!matches!(error, SearchError::Database(_)), "{error:?}");
    let _ = error.to_string();
}

/// A cursor of any text, also of any text in the right encoding.
pub(crate) fn cursors(data: &[u8]) {
    let (way, data) = choice(data);
    let cursor = match way & 128 > 0 {
        true => BASE64URL_NOPAD.encode(data),
        false => String::from_utf8_lossy(data).into_owned(),
    };
    let ordered = [way & 1, way & 3, b'r', b'u', b'n'];
    let Some((query, _)) = asked(&ordered) else {
        return;
    };
    undone(|conn| {
        let query = query.cursor(cursor);
        match SqliteFts.search(conn, Language::English.name(), &query) {
            Ok(found) => assert!(found.hits.len() <= found.total),
            Err(error) => known(&error),
        }
    });
}

/// The text up to the first line's end is searched for in the rest.
pub(crate) fn highlights(data: &[u8]) {
    let (way, data) = choice(data);
    let text = String::from_utf8_lossy(data);
    let Some((query, body)) = text.split_once('\n') else {
        return;
    };
    let mut highlight = Highlight::new().tags(BEFORE, AFTER);
    match way & 3 {
        0 => highlight = highlight.whole(),
        1 => highlight = highlight.fragment_length(usize::from(way)),
        2 => highlight = highlight.fragments(usize::from(way / 4)),
        _ => {}
    }
    let mut query = SearchQuery::new(query).highlight(highlight);
    query.syntax = way & 4 > 0;
    undone(|conn| {
        let index = Language::German.name();
        let document = json!({"title": body, "body": [body, query.query], "exact": body});
        match SqliteFts.index(conn, index, "1", &document) {
            Ok(()) => {}
            Err(error) => return known(&error),
        }
        match SqliteFts.search(conn, index, &query) {
            Ok(found) => found
                .hits
                .iter()
                .for_each(|hit| check(hit, body, &query.query)),
            Err(error) => known(&error),
        }
    });
}

/// Without its tags a piece is a part of the text.
fn check(hit: &SearchHit, body: &str, query: &str) {
    for pieces in hit.highlights.values() {
        assert!(!pieces.is_empty());
        for piece in pieces {
            assert_eq!(piece.matches(BEFORE).count(), piece.matches(AFTER).count());
            let plain = piece.replace(BEFORE, "").replace(AFTER, "");
            assert!(!plain.contains(['<', '>']), "{piece:?}");
            let plain = plain.replace("&lt;", "<").replace("&gt;", ">");
            let plain = plain.replace("&quot;", "\"").replace("&#39;", "'");
            let plain = plain.replace("&#x27;", "'").replace("&amp;", "&");
            let plain = plain.trim_matches('…');
            assert!(body.contains(plain) || query.contains(plain), "{piece:?}");
        }
    }
}

/// A document in any language is found by the whole of its own text.
pub(crate) fn words(data: &[u8]) {
    let (language, data) = choice(data);
    let languages: Vec<Language> = Language::all().collect();
    let language = languages[usize::from(language) % languages.len()];
    let text = String::from_utf8_lossy(data);
    undone(|conn| {
        let index = language.name();
        let document: Value = json!({"title": text, "body": text, "exact": text, "tag": text});
        match SqliteFts.index(conn, index, "1", &document) {
            Ok(()) => {}
            Err(error) => return known(&error),
        }
        let one = SqliteFts
            .find(conn, index, "1")
            .expect("a search")
            .expect("the document");
        assert_eq!(one, document);
        let letters = text.chars().any(|c| c.is_ascii_alphanumeric());
        for syntax in [false, true] {
            // More than there are documents.
            let mut query = SearchQuery::new(text.as_ref()).size(100);
            query.syntax = syntax;
            match SqliteFts.search(conn, index, &query) {
                Ok(found) if !syntax && letters => {
                    assert!(found.hits.iter().any(|hit| hit.id == "1"), "{text:?}");
                }
                Ok(_) => {}
                Err(error) => known(&error),
            }
        }
    });
}
