//! Indexes come, grow and go.

use covara_diesel::search::{
    self, Field, Filter, IndexDefinition, Language, SearchAdapter, SearchError, SearchQuery, Sort,
};
use serde_json::json;

use super::{articles, found, ids, index_of, numbered};
use crate::backend::{self, Fts, TestDb};

#[test]
fn names_that_differ_in_case_or_by_an_ending_are_different_indexes() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    let long = "x".repeat(100);
    let longer = format!("{}y", "x".repeat(99));
    let names = [
        "p", "p_docs", "p_text", "p_words", "CaseIdx", "caseidx", "order", "1", "_", &long, &longer,
    ];
    for name in names {
        assert!(Fts.create_index(conn, name, &articles()).unwrap(), "{name}");
        Fts.index(
            conn,
            name,
            "1",
            &json!({"body": format!("only{name} shared")}),
        )
        .unwrap();
    }
    for name in names {
        let mine = Fts.search(conn, name, &SearchQuery::new("shared")).unwrap();
        assert_eq!(mine.total, 1, "{name}");
        let only = SearchQuery::new(format!("only{name}"));
        assert_eq!(Fts.search(conn, name, &only).unwrap().total, 1, "{name}");
    }
    assert!(Fts.delete_index(conn, "p").unwrap());
    assert!(Fts.delete_index(conn, "CaseIdx").unwrap());
    for name in names {
        let gone = ["p", "CaseIdx"].contains(&name);
        assert_eq!(Fts.index_exists(conn, name).unwrap(), !gone, "{name}");
    }
}

#[test]
fn names_outside_letters_digits_and_underscore_are_errors() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let long = "x".repeat(101);
    for name in ["", "a b", "a-b", "é", "a;b", "a\"b", "a.b", "a\0", &long] {
        let error = Fts.create_index(&mut conn, name, &articles()).unwrap_err();
        assert!(
            matches!(error, SearchError::Name { what: "index", .. }),
            "{error:?}"
        );
        let definition = IndexDefinition::new().field(name, Field::text());
        let error = Fts
            .create_index(&mut conn, "docs", &definition)
            .unwrap_err();
        assert!(
            matches!(error, SearchError::Name { what: "field", .. }),
            "{error:?}"
        );
    }
    let twice = articles().field("body", Field::text());
    let error = Fts.create_index(&mut conn, "docs", &twice).unwrap_err();
    assert_eq!(error.to_string(), "the field body is defined twice");
    let weightless = IndexDefinition::new().field("a", Field::text().weight(0.0));
    Fts.create_index(&mut conn, "weightless", &weightless)
        .unwrap();
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        let definition = IndexDefinition::new().field("a", Field::text().weight(weight));
        let error = Fts
            .create_index(&mut conn, "docs", &definition)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the weight of a must be a number of at least 0"
        );
    }
    for definition in [
        numbered(0..33, &Field::text()),
        numbered(0..65, &Field::integer()),
    ] {
        let error = Fts
            .create_index(&mut conn, "docs", &definition)
            .unwrap_err();
        assert!(
            matches!(error, SearchError::TooManyFields { .. }),
            "{error:?}"
        );
    }
    assert!(!Fts.index_exists(&mut conn, "docs").unwrap());
    for definition in [
        numbered(0..32, &Field::text()),
        numbered(0..64, &Field::float()),
    ] {
        Fts.create_index(&mut conn, "docs", &definition).unwrap();
        Fts.index(&mut conn, "docs", "1", &json!({"f31": 31}))
            .unwrap();
        let found = Fts
            .search(&mut conn, "docs", &SearchQuery::new("31"))
            .unwrap();
        let searched = definition.fields().next().unwrap().1 == &Field::text();
        assert_eq!(found.total, usize::from(searched));
        Fts.delete_index(&mut conn, "docs").unwrap();
    }
}

#[test]
fn creating_again_keeps_documents_and_refuses_other_fields() {
    let (_db, mut conn) = index_of(&articles());
    let conn = &mut conn;
    Fts.index(conn, "docs", "1", &json!({"title": "kept"}))
        .unwrap();
    assert!(!Fts.create_index(conn, "docs", &articles()).unwrap());
    let other = articles().field("more", Field::text());
    let error = Fts.create_index(conn, "docs", &other).unwrap_err();
    assert!(
        matches!(error, SearchError::IndexDiffers { .. }),
        "{error:?}"
    );
    assert_eq!(found(conn, "kept"), ["1"]);
    assert_eq!(Fts.definition(conn, "docs").unwrap(), Some(articles()));
    assert_eq!(Fts.definition(conn, "other").unwrap(), None);
}

#[test]
fn a_deleted_index_leaves_nothing_behind() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let conn = &mut conn;
    Fts.create_index(conn, "stays", &articles()).unwrap();
    let before = backend::tables(conn);
    for round in 0..3 {
        assert!(Fts.create_index(conn, "goes", &articles()).unwrap());
        let documents = (0..2_000).map(|n| (n.to_string(), json!({"body": format!("w{n} all")})));
        Fts.index_many(conn, "goes", documents).unwrap();
        assert!(backend::tables(conn).len() > before.len());
        assert!(Fts.delete_index(conn, "goes").unwrap());
        assert_eq!(backend::tables(conn), before, "round {round}");
        assert!(!Fts.index_exists(conn, "goes").unwrap());
        let after = Fts.search(conn, "goes", &SearchQuery::new("all")).unwrap();
        assert_eq!(after.total, 0);
    }
    assert!(Fts.index_exists(conn, "stays").unwrap());
    assert_eq!(crate::suite::count(conn, "__covara_search_indexes"), 1);
}

#[test]
fn fields_are_added_later_and_old_documents_indexed_again_in_steps() {
    let (db, mut conn) = index_of(&IndexDefinition::new().field("title", Field::text()));
    let documents = (0..250).map(|n| {
        let document = json!({"title": format!("t{n}"), "body": format!("running b{n}"), "n": n});
        (format!("{n:03}"), document)
    });
    Fts.index_many(&mut conn, "docs", documents).unwrap();
    assert_eq!(found(&mut conn, "b7"), [""; 0]);
    let more = IndexDefinition::new()
        .field("body", Field::text().language(Language::English))
        .field("n", Field::integer());
    Fts.add_fields(&mut conn, "docs", &more).unwrap();
    let by_n = |n: i64| {
        SearchQuery::new("run")
            .filter(Filter::is("n", n))
            .sort(Sort::ascending("n"))
    };
    assert_eq!(found(&mut conn, "b7"), [""; 0], "not yet");
    assert_eq!(found(&mut conn, "t7"), ["007"]);
    // New documents have them at once.
    Fts.index(
        &mut conn,
        "docs",
        "new",
        &json!({"title": "t7", "body": "runs", "n": 1_000}),
    )
    .unwrap();
    assert_eq!(ids(&mut conn, &by_n(1_000)), ["new"]);

    assert_eq!(Fts.reindex(&mut conn, "docs", 100).unwrap(), 100);
    assert_eq!(found(&mut conn, "b7"), ["007"]);
    assert_eq!(found(&mut conn, "b207"), [""; 0]);
    // Another process goes on, and one document is written meanwhile.
    drop(conn);
    let mut conn = db.connect();
    Fts.index(
        &mut conn,
        "docs",
        "120",
        &json!({"title": "changed", "n": 5_000}),
    )
    .unwrap();
    assert_eq!(Fts.reindex(&mut conn, "docs", 100).unwrap(), 100);
    assert_eq!(Fts.reindex(&mut conn, "docs", 100).unwrap(), 49);
    assert_eq!(Fts.reindex(&mut conn, "docs", 100).unwrap(), 0);
    assert_eq!(Fts.reindex(&mut conn, "docs", 100).unwrap(), 0);
    assert_eq!(found(&mut conn, "b249"), ["249"]);
    assert_eq!(ids(&mut conn, &by_n(7)), ["007"]);
    assert_eq!(found(&mut conn, "changed"), ["120"]);
    assert_eq!(found(&mut conn, "b120"), [""; 0]);
    assert_eq!(
        found(&mut conn, "t249"),
        ["249"],
        "the old fields are as they were"
    );

    let error = Fts.add_fields(&mut conn, "docs", &more).unwrap_err();
    assert_eq!(error.to_string(), "the field body is defined twice");
    let error = Fts.add_fields(&mut conn, "other", &more).unwrap_err();
    assert!(matches!(error, SearchError::UnknownIndex { .. }));
    // Fields added while that goes on begin anew.
    Fts.add_fields(
        &mut conn,
        "docs",
        &IndexDefinition::new().field("x", Field::text()),
    )
    .unwrap();
    assert_eq!(Fts.reindex(&mut conn, "docs", 200).unwrap(), 200);
    Fts.add_fields(
        &mut conn,
        "docs",
        &IndexDefinition::new().field("y", Field::text()),
    )
    .unwrap();
    let mut again = 0;
    loop {
        match Fts.reindex(&mut conn, "docs", 1_000).unwrap() {
            0 => break,
            n => again += n,
        }
    }
    assert_eq!(again, 251);
}

#[test]
fn searched_fields_can_be_added_up_to_the_last() {
    let texts = |numbers| numbered(numbers, &Field::text());
    let (_db, mut conn) = index_of(&texts(0..7));
    let conn = &mut conn;
    let documents = (0..1_500).map(|n| {
        let id = n.to_string();
        (id, json!({"f0": "old", "f6": n, "f31": format!("new{n}")}))
    });
    Fts.index_many(conn, "docs", documents).unwrap();
    for (fields, query, hits) in [
        (7..8, "old", 1_500),
        (8..10, "old", 1_500),
        (10..31, "77", 1),
        (31..32, "old", 1_500),
    ] {
        Fts.add_fields(conn, "docs", &texts(fields)).unwrap();
        let result = Fts.search(conn, "docs", &SearchQuery::new(query)).unwrap();
        assert_eq!(result.total, hits);
    }
    while Fts.reindex(conn, "docs", 500).unwrap() > 0 {}
    for query in ["new77", "old 77 new77"] {
        assert_eq!(found(conn, query), ["77"]);
    }
    Fts.index(conn, "docs", "77", &json!({"f31": "other"}))
        .unwrap();
    assert!(found(conn, "new77").is_empty());
    assert_eq!(found(conn, "other"), ["77"]);
    let error = Fts.add_fields(conn, "docs", &texts(32..33)).unwrap_err();
    assert!(
        matches!(error, SearchError::TooManyFields { .. }),
        "{error:?}"
    );
}

#[test]
fn a_document_that_does_not_fit_an_added_field_keeps_what_it_had() {
    let eight = numbered(0..8, &Field::text());
    let (_db, mut conn) = index_of(&eight);
    let conn = &mut conn;
    let odd = json!({"f0": "word", "f8": {"an": "object"}});
    Fts.index(conn, "docs", "1", &odd).unwrap();
    let ninth = numbered(8..9, &Field::text());
    Fts.add_fields(conn, "docs", &ninth).unwrap();
    let report = search::reindex(conn, "docs").unwrap();
    // It may have been indexed again when the field was added.
    assert_eq!(report.documents, report.faulty);
    for (_, fault) in &report.faults {
        assert!(fault.ends_with("its f8 is no text"), "{fault}");
    }
    assert_eq!(Fts.reindex(conn, "docs", 10).unwrap(), 0);
    assert_eq!(found(conn, "word"), ["1"]);
}

#[test]
fn a_document_is_the_same_written_alone_and_among_others() {
    #[derive(serde::Serialize)]
    struct Odd {
        word: &'static str,
        single: f32,
        double: f64,
        large: u64,
        nothing: f64,
        byte: Option<u8>,
    }
    let odd = Odd {
        word: "word",
        single: 0.1,
        double: 0.1 + 0.2,
        large: u64::MAX,
        nothing: f64::NAN,
        byte: None,
    };
    let definition = IndexDefinition::new()
        .field("word", Field::text())
        .field("double", Field::float());
    let (_db, mut conn) = index_of(&definition);
    let conn = &mut conn;
    Fts.index(conn, "docs", "alone", &odd).unwrap();
    Fts.index_many(conn, "docs", [("others", &odd)]).unwrap();
    let alone = Fts.find(conn, "docs", "alone").unwrap().unwrap();
    assert_eq!(
        Fts.find(conn, "docs", "others").unwrap(),
        Some(alone.clone())
    );
    assert_eq!(
        alone.to_string(),
        r#"{"word":"word","single":0.1,"double":0.30000000000000004,"large":18446744073709551615,"nothing":null,"byte":null}"#
    );
    let query = SearchQuery::new("word").filter(Filter::is("double", 0.1 + 0.2));
    assert_eq!(ids(conn, &query).len(), 2);
}
