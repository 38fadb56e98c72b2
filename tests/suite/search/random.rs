//! Queries of any characters.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use covara_diesel::search::{
    Facet, FacetCount, Field, Filter, FilterValue, IndexDefinition, Language, SearchAdapter,
    SearchQuery,
};
use serde_json::{Value, json};
use support::thorough;

use super::{ids, index_of, library, search};
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

/// A document to filter, and what a naive search must know of it.
struct Tagged {
    has_word: bool,
    tags: Vec<&'static str>,
    number: Option<i64>,
}

impl Tagged {
    fn random(dice: &mut Dice) -> Self {
        Self {
            has_word: dice.next(4) > 0,
            tags: (0..dice.next(4)).map(|_| random_tag(dice)).collect(),
            number: (dice.next(5) > 0).then(|| dice.next(6) as i64),
        }
    }

    fn json(&self) -> Value {
        let word = if self.has_word { "word" } else { "other" };
        json!({"text": word, "tags": self.tags, "number": self.number})
    }
}

fn random_tag(dice: &mut Dice) -> &'static str {
    ["a", "b", "B", "ab", "\u{e4}", "\"[", ""][dice.next(7)]
}

type Model = Box<dyn Fn(&Tagged) -> bool>;

/// A filter, and what it means.
fn random_filter(dice: &mut Dice, depth: usize) -> (Filter, Model) {
    let kinds = if depth > 0 { 9 } else { 6 };
    let several = |dice: &mut Dice| -> (Vec<Filter>, Vec<Model>) {
        (0..dice.next(4))
            .map(|_| random_filter(dice, depth - 1))
            .unzip()
    };
    match dice.next(kinds) {
        0 => {
            let tag = random_tag(dice);
            (
                Filter::is("tags", tag),
                Box::new(move |d| d.tags.contains(&tag)),
            )
        }
        1 => {
            let tags: Vec<_> = (0..dice.next(4)).map(|_| random_tag(dice)).collect();
            let filter = Filter::one_of("tags", tags.clone());
            (
                filter,
                Box::new(move |d| d.tags.iter().any(|tag| tags.contains(tag))),
            )
        }
        2 => {
            let (low, high) = (random_tag(dice), random_tag(dice));
            let filter = Filter::range("tags", low..high);
            (
                filter,
                Box::new(move |d| d.tags.iter().any(|tag| (low..high).contains(tag))),
            )
        }
        3 => (Filter::present("tags"), Box::new(|d| !d.tags.is_empty())),
        4 => {
            let number = dice.next(6) as i64;
            (
                Filter::is("number", number),
                Box::new(move |d| d.number == Some(number)),
            )
        }
        5 => {
            let low = dice.next(6) as i64;
            let filter = Filter::range("number", low..);
            (
                filter,
                Box::new(move |d| d.number.is_some_and(|number| number >= low)),
            )
        }
        6 => {
            let (filter, model) = random_filter(dice, depth - 1);
            (Filter::not(filter), Box::new(move |d| !model(d)))
        }
        7 => {
            let (filters, models) = several(dice);
            (
                Filter::any(filters),
                Box::new(move |d| models.iter().any(|model| model(d))),
            )
        }
        _ => {
            let (filters, models) = several(dice);
            (
                Filter::all(filters),
                Box::new(move |d| models.iter().all(|model| model(d))),
            )
        }
    }
}

/// The values with their counts, the most frequent first.
fn counted<V: Ord + Into<FilterValue>>(
    values: impl Iterator<Item = V>,
) -> Vec<(FilterValue, usize)> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_insert(0) += 1;
    }
    let mut counts: Vec<(V, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts
        .into_iter()
        .map(|(value, count)| (value.into(), count))
        .collect()
}

#[test]
fn filters_and_facets_are_those_of_reading_every_document() {
    let (_db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("text", Field::text())
            .field("tags", Field::keywords().unsearched())
            .field("number", Field::integer()),
    );
    let conn = &mut conn;
    let mut dice = Dice(99);
    let mut documents: Vec<Tagged> = (0..200).map(|_| Tagged::random(&mut dice)).collect();
    let indexed = documents.iter().enumerate();
    let indexed = indexed.map(|(n, document)| (format!("{n:03}"), document.json()));
    Fts.index_many(conn, "docs", indexed).unwrap();
    let mut some = 0;
    for round in 0..300 {
        if round % 10 == 0 {
            let n = dice.next(200);
            documents[n] = Tagged::random(&mut dice);
            let document = documents[n].json();
            Fts.index(conn, "docs", &format!("{n:03}"), &document)
                .unwrap();
        }
        let (filter, model) = random_filter(&mut dice, 3);
        let low = dice.next(6) as i64;
        let query = SearchQuery::new("word")
            .filter(filter.clone())
            .facet(Facet::values("tags").most(100))
            .facet(Facet::values("number"))
            .facet(Facet::ranges("number", [0..low, low..6]))
            .size(1_000);
        let all = documents.iter().enumerate();
        let (expected, matches): (Vec<String>, Vec<&Tagged>) = all
            .filter(|(_, document)| document.has_word && model(document))
            .map(|(n, document)| (format!("{n:03}"), document))
            .unzip();
        assert_eq!(ids(conn, &query), expected, "{filter:?}");
        some += usize::from(!expected.is_empty());
        let found = search(conn, &query.size(dice.next(3))).facets;
        let values = |counts: &[FacetCount]| -> Vec<(FilterValue, usize)> {
            let counts = counts.iter();
            counts
                .map(|c| (c.value.clone().unwrap(), c.count))
                .collect()
        };
        let tags = matches
            .iter()
            .flat_map(|d| d.tags.iter().copied().collect::<BTreeSet<_>>());
        assert_eq!(values(&found[0]), counted(tags), "{filter:?}");
        let numbers = || matches.iter().filter_map(|d| d.number);
        assert_eq!(values(&found[1]), counted(numbers()), "{filter:?}");
        let below = numbers().filter(|number| *number < low).count();
        let counts = [found[2][0].count, found[2][1].count];
        assert_eq!(counts, [below, numbers().count() - below], "{filter:?}");
    }
    assert!(some > 100, "{some} of the queries find something");
}

/// How many letters are missing, added or wrong, or swapped with their neighbour.
fn mistakes(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut table = vec![vec![0; other.len() + 1]; one.len() + 1];
    for a in 0..=one.len() {
        for b in 0..=other.len() {
            table[a][b] = match (a, b) {
                (0, n) | (n, 0) => n,
                _ => {
                    let wrong = usize::from(one[a - 1] != other[b - 1]);
                    let least = (table[a - 1][b - 1] + wrong)
                        .min(table[a - 1][b] + 1)
                        .min(table[a][b - 1] + 1);
                    let swapped =
                        a > 1 && b > 1 && one[a - 1] == other[b - 2] && one[a - 2] == other[b - 1];
                    if swapped {
                        least.min(table[a - 2][b - 2] + 1)
                    } else {
                        least
                    }
                }
            };
        }
    }
    table[one.len()][other.len()]
}

#[test]
fn misspelt_words_find_what_comparing_every_word_finds() {
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("text", Field::text().fuzzy()));
    let conn = &mut conn;
    let mut dice = Dice(5);
    let word = |dice: &mut Dice| -> String {
        (0..3 + dice.next(8))
            .map(|_| ["a", "b", "c", "d", "e", "o"][dice.next(6)])
            .collect()
    };
    let mut documents: Vec<[String; 2]> = (0..300)
        .map(|_| [word(&mut dice), word(&mut dice)])
        .collect();
    let indexed = documents.iter().enumerate();
    let indexed = indexed.map(|(n, words)| (format!("{n:03}"), json!({"text": words.join(" ")})));
    Fts.index_many(conn, "docs", indexed).unwrap();
    let (mut one, mut two) = (0, 0);
    for round in 0..400 {
        if round % 10 == 0 {
            let n = dice.next(300);
            documents[n] = [word(&mut dice), word(&mut dice)];
            let document = json!({"text": documents[n].join(" ")});
            Fts.index(conn, "docs", &format!("{n:03}"), &document)
                .unwrap();
        }
        // A word of a document with up to two mistakes.
        let mut typed: Vec<char> = documents[dice.next(300)][0].chars().collect();
        for _ in 0..dice.next(3) {
            let at = dice.next(typed.len());
            match dice.next(4) {
                0 => typed.insert(at, 'c'),
                1 if typed.len() > 2 => drop(typed.remove(at)),
                2 => typed[at] = 'e',
                _ => typed.swap(at.max(1) - 1, at),
            }
        }
        let typed: String = typed.into_iter().collect();
        let most = match typed.chars().count() {
            0..=3 => 0,
            4..=7 => 1,
            _ => 2,
        };
        let with = |edits: usize| -> BTreeSet<String> {
            let all = documents.iter().enumerate();
            let near = |word: &String| mistakes(&typed, word) <= edits;
            let found = all.filter(|(_, words)| words.iter().any(near));
            found.map(|(n, _)| format!("{n:03}")).collect()
        };
        let found = ids(conn, &SearchQuery::new(&typed).fuzzy());
        let found: BTreeSet<String> = found.into_iter().collect();
        assert!(found.is_superset(&with(most.min(1))), "{typed}: {found:?}");
        assert!(found.is_subset(&with(most)), "{typed}: {found:?}");
        one += usize::from(with(0).len() < found.len());
        two += usize::from(with(1).len() < found.len());
    }
    assert!(one > 100 && two > 20, "{one} {two}");
}
