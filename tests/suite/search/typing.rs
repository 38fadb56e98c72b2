//! Queries that somebody is typing.

use covara_diesel::search::{
    Field, Highlight, IndexDefinition, Language, SearchAdapter, SearchQuery,
};
use serde_json::json;

use super::{ids, index_of, search};
use crate::backend::Fts;

/// Words of each language that lose much of their endings.
const WORDS: [(Language, &[&str]); 19] = [
    (Language::Unstemmed, &["running", "Straße"]),
    (Language::Arabic, &["والمدرسون", "كتابان", "المستشفيات"]),
    (
        Language::Danish,
        &["bøgernes", "undersøgelserne", "løbende"],
    ),
    (
        Language::Dutch,
        &["mogelijkheden", "lopende", "vriendelijkheid"],
    ),
    (
        Language::English,
        &[
            "running",
            "cities",
            "city",
            "nationalization",
            "happiness",
            "quickly",
            "hopefulness",
            "skis",
            "dying",
            "relational",
            "university",
            "studies",
        ],
    ),
    (
        Language::Finnish,
        &["taloissammekin", "kauneudestaan", "juoksemassa"],
    ),
    (
        Language::French,
        &["continuellement", "maisons", "connaissions", "marchée"],
    ),
    (
        Language::German,
        &["Häusern", "freundlichkeiten", "laufendes"],
    ),
    (Language::Greek, &["θάλασσες", "περισσότερους", "ανθρώπων"]),
    (
        Language::Hungarian,
        &["házaikban", "könyveiket", "gyerekekért"],
    ),
    (
        Language::Italian,
        &["velocemente", "ragazzine", "parlavano"],
    ),
    (
        Language::Norwegian,
        &["bøkenes", "undersøkelsene", "løpende"],
    ),
    (
        Language::Portuguese,
        &["informações", "cantávamos", "rapidamente"],
    ),
    (
        Language::Romanian,
        &["prietenilor", "fericirilor", "cântând"],
    ),
    (
        Language::Russian,
        &["звёздами", "красивейшими", "читающими"],
    ),
    (
        Language::Spanish,
        &["rápidamente", "cantaríamos", "biologías"],
    ),
    (
        Language::Swedish,
        &["flickornas", "möjligheterna", "springande"],
    ),
    (Language::Tamil, &["வீடுகளுக்கு", "மரங்களை"]),
    (
        Language::Turkish,
        &["evlerinizden", "kitaplarımızda", "gözlükçüler"],
    ),
];

#[test]
fn no_hit_vanishes_while_a_word_is_typed() {
    let mut vanished = Vec::new();
    for (language, words) in WORDS {
        let field = Field::text().language(language);
        let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", field));
        let documents = words.iter().map(|word| {
            let body = format!("zzz {word} zzz");
            (*word, json!({ "body": body }))
        });
        Fts.index_many(&mut conn, "docs", documents).unwrap();
        for word in words {
            let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
            for typed in ends.map(|end| &word[..end]) {
                let query = SearchQuery::new(typed).as_you_type();
                if !ids(&mut conn, &query).contains(&(*word).to_owned()) {
                    vanished.push(format!("{language:?}: {word} at {typed}"));
                }
            }
        }
    }
    assert_eq!(vanished, [""; 0]);
}

#[test]
fn only_the_last_word_is_unfinished() {
    let (_db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("title", Field::text().language(Language::English))
            .field("name", Field::keyword()),
    );
    let conn = &mut conn;
    let all = [
        ("a", json!({"title": "Running water", "name": "runner"})),
        ("b", json!({"title": "A run", "name": "quick-running"})),
        (
            "c",
            json!({"title": "walking quick-running walkers", "name": "rust"}),
        ),
    ];
    Fts.index_many(conn, "docs", all).unwrap();
    let mut typed = |words: &str| ids(conn, &SearchQuery::new(words).as_you_type());
    assert_eq!(typed("runn"), ["a", "b", "c"]);
    // All forms of the word have one stem.
    assert_eq!(typed("running"), ["a", "b", "c"]);
    assert_eq!(typed("runn "), [""; 0]);
    assert_eq!(typed("runn wat"), [""; 0]);
    assert_eq!(typed("water runn"), ["a"]);
    assert_eq!(typed("rus"), ["c"]);
    assert_eq!(typed("quick-runn"), ["b", "c"]);
    assert_eq!(
        typed("water-runn"),
        ["a"],
        "where words are stemmed, at any distance"
    );
    assert_eq!(typed("water-running"), ["a"]);
    assert_eq!(typed("quick-wat"), [""; 0]);
    let mut syntax = |words: &str| ids(conn, &SearchQuery::new(words).syntax().as_you_type());
    assert_eq!(
        syntax("rust -walkin"),
        ["c"],
        "what is excluded is excluded whole"
    );
    assert_eq!(syntax("rust -walking"), [""; 0]);
    assert_eq!(syntax("\"quick runn"), ["b", "c"]);
    assert_eq!(syntax("\"quick runn\""), [""; 0]);
    let mut starred = |words: &str| ids(conn, &SearchQuery::new(words).syntax());
    assert_eq!(starred("walkin*"), ["c"]);
    assert_eq!(starred("\"quick runn\"*"), ["b", "c"]);
}

#[test]
fn beginnings_in_stemmed_fields_are_shown() {
    let field = Field::text().language(Language::English);
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", field));
    let body = "They were quick, running home";
    Fts.index(&mut conn, "docs", "1", &json!({ "body": body }))
        .unwrap();
    let mut shown = |words: &str| {
        let query = SearchQuery::new(words)
            .as_you_type()
            .highlight(Highlight::new());
        search(&mut conn, &query).hits[0].highlights["body"].clone()
    };
    assert_eq!(shown("runn"), ["They were quick, <em>running</em> home"]);
    assert_eq!(
        shown("quick,runni"),
        ["They were <em>quick</em>, <em>running</em> home"]
    );
}

#[test]
fn the_name_that_is_being_typed_comes_first() {
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("name", Field::keyword()));
    let names = ["the vim", "vimix", "vim", "vi", "vim-doc"];
    let documents = names.map(|name| (name, json!({ "name": name })));
    Fts.index_many(&mut conn, "docs", documents).unwrap();
    let mut first = |words: &str| {
        search(&mut conn, &SearchQuery::new(words).as_you_type()).hits[0]
            .id
            .clone()
    };
    assert_eq!(first("vi"), "vi");
    assert_eq!(first("vim"), "vim");
    assert_eq!(first("vimi"), "vimix");
}

/// As a keyboard writes them in Persian, and between emoji.
#[test]
fn characters_that_are_invisible_end_no_word() {
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("text", Field::text()));
    let text = "می\u{200c}خواهم";
    Fts.index(&mut conn, "docs", "1", &json!({ "text": text }))
        .unwrap();
    let letters = text
        .char_indices()
        .map(|(at, letter)| at + letter.len_utf8());
    for end in letters {
        let query = SearchQuery::new(&text[..end]).as_you_type();
        assert_eq!(ids(&mut conn, &query), ["1"], "{:?}", &text[..end]);
    }
}
