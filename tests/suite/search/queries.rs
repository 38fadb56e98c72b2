//! What is found: the same documents on both engines.

use covara_diesel::search::{Field, IndexDefinition, Language, SearchAdapter, SearchQuery};
use serde_json::json;

use super::{found, found_by_syntax, index_of, library};
use crate::backend::Fts;

#[test]
fn all_words_must_match_in_any_field_and_form() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    assert_eq!(found(conn, "database"), ["1", "2"]);
    assert_eq!(
        found(conn, "DATABASES run"),
        ["1", "2"],
        "run, runs and running"
    );
    assert_eq!(found(conn, "city"), ["3", "4"]);
    assert_eq!(
        found(conn, "database lovelace"),
        ["1"],
        "each in a field of its own"
    );
    assert_eq!(found(conn, "database zebra"), [""; 0]);
    assert_eq!(found(conn, "york new"), ["3", "4"]);
    assert_eq!(found(conn, "the"), ["2"], "no word is too common");
}

#[test]
fn accents_and_letters_with_strokes_do_not_matter() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    for query in [
        "são paulo",
        "sao paulo",
        "SAO PAULO",
        "sa\u{303}o paulo",
        "ＳＡＯ",
    ] {
        assert_eq!(found(conn, query), ["6"], "{query}");
    }
    assert_eq!(found(conn, "strasse"), ["6"]);
    assert_eq!(found(conn, "emile"), ["2"]);
}

#[test]
fn accents_matter_where_they_are_kept() {
    let (_db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("kept", Field::text().keep_accents())
            .field("folded", Field::text()),
    );
    let conn = &mut conn;
    Fts.index(conn, "docs", "1", &json!({"kept": "São"}))
        .unwrap();
    Fts.index(conn, "docs", "2", &json!({"folded": "São"}))
        .unwrap();
    assert_eq!(found(conn, "são"), ["1", "2"]);
    assert_eq!(found(conn, "sao"), ["2"]);
}

#[test]
fn scripts_without_spaces_are_found_by_any_part() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    for query in [
        "東京",
        "東京タワー",
        "京",
        "タワ",
        "ー",
        "東",
        "東京 塔",
        "清",
        "ﾀﾜｰ",
        "松本清",
    ] {
        let expected: &[&str] = if query == "松本清" { &[] } else { &["5"] };
        assert_eq!(found(conn, query), expected, "{query}");
    }
    assert_eq!(found(conn, "東タ"), [""; 0]);
    assert_eq!(found(conn, "京東"), [""; 0]);
    for (id, text) in [
        ("ko", "서울특별시에서"),
        ("th", "ภาษาไทย"),
        ("zh", "中华人民共和国"),
    ] {
        Fts.index(conn, "docs", id, &json!({"body": text})).unwrap();
    }
    assert_eq!(found(conn, "특별"), ["ko"]);
    assert_eq!(found(conn, "ไทย"), ["th"]);
    assert_eq!(found(conn, "人民"), ["zh"]);
    assert_eq!(found(conn, "民人"), [""; 0]);
}

/// Signs beyond ASCII are no part of a word, whatever script they belong to.
#[test]
fn punctuation_of_all_scripts_ends_words() {
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", Field::text()));
    let conn = &mut conn;
    let documents = [
        ("dash", "naïve—approach"),
        ("quotes", "„Größe“«œuvre»"),
        ("ellipsis", "déjà…vu"),
        ("emoji", "café🗝thé"),
        ("kana", "スター・ウォーズ"),
        ("thai", "ราคา฿บาท"),
    ];
    for (id, body) in documents {
        Fts.index(conn, "docs", id, &json!({"body": body})).unwrap();
    }
    for (query, id) in [
        ("naive", "dash"),
        ("approach", "dash"),
        ("große", "quotes"),
        ("œuvre", "quotes"),
        ("vu", "ellipsis"),
        ("thé", "emoji"),
        ("ウォーズ", "kana"),
        ("บาท", "thai"),
    ] {
        assert_eq!(found(conn, query), [id], "{query}");
    }
    // A sign alone is no word that could be found.
    for query in ["—", "“", "…", "・", "฿"] {
        assert_eq!(found(conn, query), [""; 0], "{query}");
    }
}

#[test]
fn each_field_has_its_own_language() {
    let definition = Language::all().fold(IndexDefinition::new(), |definition, language| {
        definition.field(language.name(), Field::text().language(language))
    });
    let (_db, mut conn) = index_of(&definition);
    let conn = &mut conn;
    let documents = [
        ("english", "connections", "connected"),
        ("german", "Häuser", "Haus"),
        ("french", "cheval continuellement", "continuelle"),
        ("spanish", "canciones", "canción"),
        ("russian", "книгами", "книга"),
        ("finnish", "taloissa", "talossa"),
        ("turkish", "evlerinde", "evler"),
        ("greek", "δρόμους", "δρόμος"),
    ];
    for (language, text, _) in documents {
        Fts.index(conn, "docs", language, &json!({language: text}))
            .unwrap();
    }
    for (language, _, query) in documents {
        assert_eq!(found(conn, query), [language]);
        let elsewhere = SearchQuery::new(query).fields(["unstemmed"]);
        assert_eq!(super::ids(conn, &elsewhere), [""; 0]);
    }
}

#[test]
fn operators_are_literal_without_syntax() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    for query in [
        "new AND york",
        "new OR york",
        "NOT york",
        "york NEAR new",
        "NEAR(york new)",
    ] {
        // Words like any others: only "and" stands in a document.
        let expected: &[&str] = if query.contains("AND") { &["4"] } else { &[] };
        assert_eq!(found(conn, query), expected, "{query}");
    }
    for query in [
        "york*",
        "-york",
        "title:york",
        "\"york\"",
        "(york)",
        "york & !",
        "york:*",
        "^york",
        "york + --",
    ] {
        let expected: &[&str] = if query == "title:york" {
            &[]
        } else {
            &["3", "4"]
        };
        assert_eq!(found(conn, query), expected, "{query}");
    }
    assert_eq!(found(conn, "yor*"), [""; 0]);
    // What signs hold together stands together.
    assert_eq!(found(conn, "new,york"), ["3"]);
    assert_eq!(found(conn, "york,new"), ["4"]);
}

#[test]
fn syntax_adds_phrases_prefixes_and_exclusions() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    assert_eq!(found_by_syntax(conn, "\"new york\""), ["3"]);
    assert_eq!(found_by_syntax(conn, "\"york new\""), ["4"]);
    assert_eq!(
        found_by_syntax(conn, "\"york"),
        ["3", "4"],
        "it ends with the query"
    );
    assert_eq!(found_by_syntax(conn, "yor*"), ["3", "4"]);
    assert_eq!(found_by_syntax(conn, "\"new yo\"*"), ["3"]);
    assert_eq!(
        found_by_syntax(conn, "running*"),
        ["1", "2"],
        "also as a word with a stem"
    );
    assert_eq!(found_by_syntax(conn, "york -england"), ["3"]);
    assert_eq!(found_by_syntax(conn, "york -\"new york\""), ["4"]);
    assert_eq!(found_by_syntax(conn, "york -sle*"), ["4"]);
    assert_eq!(found_by_syntax(conn, "york -cities -city"), [""; 0]);
    assert_eq!(
        found_by_syntax(conn, "-england"),
        [""; 0],
        "nothing but exclusions"
    );
    assert_eq!(
        found_by_syntax(conn, "\"東京 タワー\""),
        [""; 0],
        "two words, where there is one"
    );
    assert_eq!(found_by_syntax(conn, "\"東京タ\"*"), ["5"]);
    assert_eq!(
        found_by_syntax(conn, "new OR york"),
        [""; 0],
        "a word like any other"
    );
}

#[test]
fn phrases_do_not_span_the_items_of_a_list() {
    let (_db, mut conn) = library();
    let conn = &mut conn;
    let list = json!({"body": ["green apples", "red pears", 7, true, null]});
    Fts.index(conn, "docs", "list", &list).unwrap();
    assert_eq!(found_by_syntax(conn, "\"green apple\""), ["list"]);
    assert_eq!(found_by_syntax(conn, "\"apples red\""), [""; 0]);
    assert_eq!(found(conn, "green pears 7 true"), ["list"]);
}

#[test]
fn a_blank_query_asks_the_database_nothing() {
    use diesel::connection::{Connection, InstrumentationEvent};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let (_db, mut conn) = library();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    for query in ["", "  \t\n", "\0", "\"\" * - ( ) + # . \u{200b}", "…"] {
        for query in [SearchQuery::new(query), SearchQuery::new(query).syntax()] {
            let result = Fts.search(&mut conn, "docs", &query).unwrap();
            assert_eq!((result.hits.len(), result.total), (0, 0));
        }
    }
    assert_eq!(count.load(Ordering::Relaxed), 0);
    assert_eq!(found(&mut conn, "york"), ["3", "4"]);
    assert!(count.load(Ordering::Relaxed) > 0, "the counter counts");
}

#[test]
fn too_many_words_are_an_error_that_says_so() {
    let (_db, mut conn) = library();
    let words: Vec<String> = (0..512).map(|n| format!("w{n}")).collect();
    assert_eq!(found(&mut conn, &words.join(" ")), [""; 0]);
    let unlike = words
        .iter()
        .map(|word| format!("-{word}"))
        .collect::<Vec<_>>();
    let query = format!("york {}", unlike[1..].join(" "));
    assert_eq!(found_by_syntax(&mut conn, &query), ["3", "4"]);
    assert_eq!(
        found(&mut conn, &words.join("-")),
        [""; 0],
        "one long phrase"
    );
    let error = Fts
        .search(&mut conn, "docs", &SearchQuery::new("a b ".repeat(257)))
        .unwrap_err();
    assert_eq!(error.to_string(), "a query may have up to 512 words");
}
