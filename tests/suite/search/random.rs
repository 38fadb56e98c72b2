//! Queries of any characters.

use std::ops::ControlFlow;

use covara_diesel::search::{Field, IndexDefinition, Language, SearchAdapter, SearchQuery};
use serde_json::json;
use support::thorough;

use super::{index_of, library, search};
use crate::backend::{self, Fts};
use crate::suite::count;

/// Numbers that look like chance, the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        // xorshift64*, https://doi.org/10.1145/2845077
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    }
}

const PIECES: [&str; 64] = [
    "a",
    "york",
    "database",
    "東京",
    "タ",
    "é",
    "e\u{301}",
    "\u{301}",
    "ß",
    "İ",
    "ﷺ",
    "½",
    "\u{200d}",
    "\u{ad}",
    " ",
    " ",
    " ",
    "\t",
    "\0",
    "\n",
    "\"",
    "\"",
    "*",
    "-",
    "-",
    "'",
    "''",
    "\\",
    ";",
    "--",
    "/*",
    "*/",
    "(",
    ")",
    ":",
    ":*",
    "^",
    "{",
    "}",
    "+",
    "&",
    "|",
    "!",
    "<->",
    "<2>",
    "~",
    "%",
    "_",
    "`",
    "$1",
    "?",
    "AND",
    "OR",
    "NOT",
    "NEAR(",
    ", 5)",
    "title:",
    "{title}:",
    "DROP TABLE",
    "' OR 1=1 --",
    "🍕",
    "\u{10ffff}",
    "\u{e000}",
    "x",
];

fn random_query(dice: &mut Dice) -> String {
    let mut query = String::new();
    for _ in 0..dice.next(12) {
        if dice.next(8) == 0 {
            let any = char::from_u32(dice.next(0x11_0000) as u32);
            query.extend(any);
        } else {
            query.push_str(PIECES[dice.next(PIECES.len())]);
        }
    }
    query
}

#[test]
fn queries_of_any_characters_never_fail_and_never_inject() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    let before = backend::tables(conn);
    let mut dice = Dice(0x1234_5678_9abc_def1);
    let mut hits = 0;
    let queries = thorough::times(2_000, backend::RANDOM_QUERIES);
    for n in 0..queries {
        let text = random_query(&mut dice);
        let mut query = SearchQuery::new(&text).size(2);
        if n % 2 == 0 {
            query = query.syntax();
        }
        if n % 7 == 0 {
            query = query.fields(["title", "author"]);
        }
        match Fts.search(conn, "docs", &query) {
            Ok(found) => hits += found.total,
            Err(error) => panic!("{text:?}: {error:?}"),
        }
    }
    let few = queries / 20;
    assert!(hits > few, "queries find something: {hits}");
    assert_eq!(count(conn, "__covara_search_1"), 6);
    assert_eq!(backend::tables(conn), before);
}

#[test]
fn random_documents_of_any_characters_are_found_by_their_own_text() {
    let (_db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("body", Field::text().language(Language::English))
            .field("name", Field::keyword()),
    );
    let conn = &mut conn;
    let mut dice = Dice(42);
    let texts: Vec<String> = (0..1_000).map(|_| random_query(&mut dice)).collect();
    let documents = texts
        .iter()
        .enumerate()
        .map(|(n, text)| (format!("{n}"), json!({"body": text, "name": text})));
    Fts.index_many(conn, "docs", documents).unwrap();
    let mut words = 0;
    for (n, text) in texts.iter().enumerate().step_by(3) {
        for field in ["body", "name"] {
            let query = SearchQuery::new(text).fields([field]).size(1_000);
            let found = search(conn, &query);
            if found.total == 0 {
                continue;
            }
            words += 1;
            let id = n.to_string();
            assert!(
                found.hits.iter().any(|hit| hit.id == id),
                "{field}: {text:?}"
            );
        }
    }
    assert!(words > 300, "most have a word: {words}");
}

/// The words of a text of ASCII.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// What must be found, by looking at every document.
fn matches(query: &str, fields: &[Vec<String>]) -> bool {
    let mut any = false;
    let all = query.split_whitespace().try_for_each(|part| {
        let phrase = words(part);
        if phrase.is_empty() {
            return ControlFlow::Continue(());
        }
        any = true;
        let found = fields
            .iter()
            .any(|words| words.windows(phrase.len()).any(|w| w == phrase));
        if found {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    any && all.is_continue()
}

#[test]
fn a_query_finds_what_reading_every_document_finds() {
    let (_db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("a", Field::text())
            .field("b", Field::keyword()),
    );
    let conn = &mut conn;
    let mut dice = Dice(7);
    let vocabulary = [
        "a", "b", "cc", "d1", "A", " ", " ", " ", "-", ",", "\"", "*", "e",
    ];
    let text = |dice: &mut Dice, most: usize| -> String {
        (0..dice.next(most))
            .map(|_| vocabulary[dice.next(vocabulary.len())])
            .collect()
    };
    let documents: Vec<[String; 2]> = (0..200)
        .map(|_| [text(&mut dice, 25), text(&mut dice, 6)])
        .collect();
    let indexed = documents
        .iter()
        .enumerate()
        .map(|(n, [a, b])| (format!("{n:03}"), json!({"a": a, "b": b})));
    Fts.index_many(conn, "docs", indexed).unwrap();
    // Some are written again, some removed.
    for n in (0..200).step_by(10) {
        let [a, b] = &documents[n];
        Fts.index(
            conn,
            "docs",
            &format!("{n:03}"),
            &json!({"a": "zz", "b": "zz"}),
        )
        .unwrap();
        Fts.index(conn, "docs", &format!("{n:03}"), &json!({"a": a, "b": b}))
            .unwrap();
    }
    for n in (5..200).step_by(20) {
        Fts.delete(conn, "docs", &format!("{n:03}")).unwrap();
    }
    let mut some = 0;
    for _ in 0..1_000 {
        let query = text(&mut dice, 7);
        let expected: Vec<String> = documents
            .iter()
            .enumerate()
            .filter(|(n, fields)| {
                n % 20 != 5 && matches(&query, &fields.each_ref().map(|f| words(f)))
            })
            .map(|(n, _)| format!("{n:03}"))
            .collect();
        some += usize::from(!expected.is_empty());
        assert_eq!(super::found(conn, &query), expected, "{query:?}");
    }
    assert!(some > 300, "{some} of the queries find something");
}
