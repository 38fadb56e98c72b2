//! Indexes that an earlier version made, with other words.

use covara_diesel::search::{
    self, Field, IndexDefinition, Language, SearchAdapter, SearchError, SearchQuery,
};
use diesel::connection::SimpleConnection;
use serde_json::json;
use support::workers;

use super::follow::{self, CREATE, Post};
use super::{found, index_of};
use crate::backend::{self, Conn, Fts, TestDb};
use crate::suite::count;

const DOCUMENTS: usize = 2_500;

fn english() -> IndexDefinition {
    IndexDefinition::new().field("body", Field::text().language(Language::English))
}

/// Makes the index one that an earlier version made, which stemmed no word of this language.
fn age(conn: &mut Conn, language: &str) {
    conn.batch_execute(&format!(
        "UPDATE __covara_search_indexes SET definition =
             replace(replace(definition, '\"unstemmed\"', '\"{language}\"'),
                 ',\"words\":4,\"lead\":true', '');
         ALTER TABLE __covara_search_1 DROP COLUMN lead;
         UPDATE __covara_search_1 SET version = version % 32768"
    ))
    .unwrap();
}

/// An index of documents as an earlier version would have made it: a query for `run` misses
/// `running` there.
fn old_index(language: &str) -> (TestDb, Conn) {
    let (db, mut conn) = index_of(&IndexDefinition::new().field("body", Field::text()));
    let documents = (0..DOCUMENTS).map(|n| {
        let body = format!("running correndo koşuyor w{n}");
        (format!("{n:05}"), json!({ "body": body }))
    });
    Fts.index_many(&mut conn, "docs", documents).unwrap();
    age(&mut conn, language);
    (db, conn)
}

fn total(conn: &mut Conn, words: &str) -> usize {
    let query = SearchQuery::new(words).size(0);
    Fts.search(conn, "docs", &query).unwrap().total
}

/// Whatever a search finds, it finds all, and there is nothing left to do after it.
fn assert_current(conn: &mut Conn) {
    assert_eq!(total(conn, "runs"), DOCUMENTS);
    let definition = Fts.definition(conn, "docs").unwrap().unwrap();
    assert!(!definition.is_outdated());
    assert_eq!(definition.words_version(), 4);
    let left = "__covara_search_1 WHERE version < 196608";
    assert_eq!(count(conn, left), 0);
}

#[test]
fn a_search_brings_an_index_up_to_date_before_it_looks() {
    let (_db, mut conn) = old_index("english");
    let definition = Fts.definition(&mut conn, "docs").unwrap().unwrap();
    assert!(definition.is_outdated());
    assert_eq!(definition.words_version(), 1);
    assert_eq!(total(&mut conn, "runs"), DOCUMENTS);
    assert_current(&mut conn);
    assert_eq!(found(&mut conn, "w77 run"), ["00077"]);
}

#[test]
fn a_boot_brings_an_index_up_to_date() {
    let (_db, mut conn) = old_index("english");
    assert!(!Fts.create_index(&mut conn, "docs", &english()).unwrap());
    let definition = Fts.definition(&mut conn, "docs").unwrap().unwrap();
    assert!(!definition.is_outdated(), "without a search");
    assert_eq!(search::reindex(&mut conn, "docs").unwrap().documents, 0);
    assert_current(&mut conn);
}

#[test]
fn an_index_is_brought_up_to_date_step_by_step_beside_writers() {
    let (db, mut conn) = old_index("english");
    assert_eq!(Fts.reindex(&mut conn, "docs", 100).unwrap(), 100);
    let definition = Fts.definition(&mut conn, "docs").unwrap().unwrap();
    assert!(definition.is_outdated());
    // Documents are written and removed, before and after where it has come to.
    for id in ["00007", "02000", "new"] {
        let document = json!({"body": "runner up"});
        Fts.index(&mut conn, "docs", id, &document).unwrap();
    }
    for id in ["00008", "02001"] {
        assert!(Fts.delete(&mut conn, "docs", id).unwrap());
    }
    drop(conn);
    let mut conn = db.connect();
    assert_eq!(Fts.reindex(&mut conn, "docs", 100).unwrap(), 100);
    let left = search::reindex(&mut conn, "docs").unwrap();
    assert_eq!(left.documents, DOCUMENTS - 200 - 2);
    assert_eq!((left.faulty, left.faults), (0, vec![]));
    assert_eq!(Fts.reindex(&mut conn, "docs", 100).unwrap(), 0);
    assert_eq!(total(&mut conn, "runs"), DOCUMENTS - 4);
    assert_eq!(found(&mut conn, "runner"), ["00007", "02000", "new"]);
    let definition = Fts.definition(&mut conn, "docs").unwrap().unwrap();
    assert!(!definition.is_outdated());
}

#[test]
fn an_interrupted_addition_of_fields_leaves_no_document_out() {
    let (_db, mut conn) = old_index("english");
    // The earlier version had come to here with a field that it had added.
    conn.batch_execute("UPDATE __covara_search_indexes SET reindexed = '02000'")
        .unwrap();
    assert_current(&mut conn);

    let (_db, mut conn) = old_index("english");
    let conn = &mut conn;
    let title = IndexDefinition::new().field("title", Field::text());
    Fts.add_fields(conn, "docs", &title).unwrap();
    assert!(Fts.definition(conn, "docs").unwrap().unwrap().is_outdated());
    assert_current(conn);
    assert_eq!(search::reindex(conn, "docs").unwrap().documents, DOCUMENTS);
    assert_eq!(Fts.reindex(conn, "docs", 10).unwrap(), 0);
}

#[test]
fn processes_that_search_an_old_index_at_once_all_find_all() {
    let (db, mut conn) = old_index("english");
    let jobs = [
        "search-total:runs-pooled",
        "search-reindex:-pooled",
        "search-total:runs-pooled",
    ];
    let printed = workers::run(env!("CARGO_BIN_EXE_worker"), &db.url(), 3, |n| jobs[n]);
    for (job, printed) in jobs.iter().zip(printed) {
        if job.starts_with("search-total") {
            assert_eq!(printed, DOCUMENTS.to_string());
        }
    }
    assert_current(&mut conn);
}

#[test]
fn killed_while_it_is_brought_up_to_date_an_index_loses_no_hit() {
    let (db, mut conn) = old_index("english");
    let worker = env!("CARGO_BIN_EXE_worker");
    let whole = workers::time(worker, &db.url(), "search-total:runs");
    assert_current(&mut conn);
    drop((db, conn));
    let mut unfinished = 0;
    for kill in 0..4 {
        let (db, mut conn) = old_index("english");
        workers::kill_after(worker, &db.url(), "search-total:runs", whole * kill / 4);
        backend::wait_until_alone(&mut conn);
        let definition = Fts.definition(&mut conn, "docs").unwrap().unwrap();
        unfinished += usize::from(definition.is_outdated());
        assert_current(&mut conn);
    }
    assert!(unfinished > 0, "no kill came before the end");
}

/// Makes an index of this text, in a field without a language, one whose words are of version 2: its
/// words are those of `old`.
fn index_of_version_2(text: &str, old: &str) -> (TestDb, Conn) {
    let (db, mut conn) = index_of(&IndexDefinition::new().field("body", Field::text()));
    Fts.index(&mut conn, "docs", "1", &json!({ "body": old }))
        .unwrap();
    let source = json!({ "body": text });
    conn.batch_execute(&format!(
        "UPDATE __covara_search_indexes SET definition =
             replace(definition, ',\"words\":4,\"lead\":true', ',\"words\":2');
         ALTER TABLE __covara_search_1 DROP COLUMN lead;
         UPDATE __covara_search_1 SET version = version % 32768 + 65536, source = '{source}'"
    ))
    .unwrap();
    (db, conn)
}

#[test]
fn signs_and_emoji_are_found_once_an_index_of_version_2_is_up_to_date() {
    let text = "C++ and .NET cost 2½ \u{1f355}, co\u{200b}op";
    let old = "C and NET cost 212 co op";
    for query in ["c++", ".net", "2½", "\u{1f355}", "coop"] {
        let (_db, mut conn) = index_of_version_2(text, old);
        let definition = Fts.definition(&mut conn, "docs").unwrap().unwrap();
        assert_eq!(
            (definition.words_version(), definition.is_outdated()),
            (2, true)
        );
        assert_eq!(found(&mut conn, query), ["1"], "{query}");
        assert!(
            !Fts.definition(&mut conn, "docs")
                .unwrap()
                .unwrap()
                .is_outdated()
        );
    }
    let (_db, mut conn) = index_of_version_2(text, old);
    assert_eq!(search::reindex(&mut conn, "docs").unwrap().documents, 1);
    assert_eq!(found(&mut conn, "c++"), ["1"]);
    assert_eq!(found(&mut conn, "212"), [""; 0]);
    assert_eq!(search::reindex(&mut conn, "docs").unwrap().documents, 0);
}

#[test]
fn a_document_that_cannot_be_read_stops_no_other() {
    let (_db, mut conn) = old_index("english");
    let conn = &mut conn;
    conn.batch_execute(
        "UPDATE __covara_search_1 SET source = '{\"body\": ' WHERE id = '00003';
         UPDATE __covara_search_1 SET source = '[1]' WHERE id = '02400';
         UPDATE __covara_search_1 SET source = '{\"body\": {\"an\": \"object\"}}'
             WHERE id = '00010'",
    )
    .unwrap();
    let report = search::reindex(conn, "docs").unwrap();
    assert_eq!((report.documents, report.faulty), (DOCUMENTS, 3));
    let faults: Vec<_> = report
        .faults
        .iter()
        .map(|(id, why)| (id.as_str(), why.as_str()))
        .collect();
    let cannot = |id: &str, why: &str| format!("the document \"{id}\" cannot be indexed: {why}");
    assert_eq!(
        faults,
        [
            (
                "00003",
                cannot("00003", "its stored text is not JSON").as_str()
            ),
            ("00010", cannot("00010", "its body is no text").as_str()),
            ("02400", cannot("02400", "it is not a JSON object").as_str()),
        ]
    );
    assert_eq!(total(conn, "runs"), DOCUMENTS - 3);
}

#[test]
fn an_index_of_a_later_version_is_not_searched_with_other_words() {
    let (_db, mut conn) = index_of(&english());
    conn.batch_execute(
        "UPDATE __covara_search_indexes SET definition =
             replace(definition, '\"words\":4', '\"words\":99')",
    )
    .unwrap();
    let error = Fts
        .search(&mut conn, "docs", &SearchQuery::new("run"))
        .unwrap_err();
    assert!(
        matches!(error, SearchError::LaterVersion { .. }),
        "{error:?}"
    );
}

#[test]
fn a_followed_index_is_brought_up_to_date_when_it_is_followed() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(CREATE).unwrap();
    follow::insert(&mut conn, 1, "running");
    Fts.follow::<_, Post>(&mut conn).unwrap();
    age(&mut conn, "unstemmed");
    let outdated = |conn: &mut Conn| {
        let definition = Fts.definition(conn, "posts").unwrap().unwrap();
        definition.is_outdated()
    };
    assert!(outdated(&mut conn));
    Fts.follow::<_, Post>(&mut conn).unwrap();
    assert!(!outdated(&mut conn));
    follow::insert(&mut conn, 2, "runs");
    assert_eq!(follow::found(&mut conn, "run"), ["1", "2"]);
}

#[test]
fn a_word_that_an_older_stemmer_panicked_on_is_found() {
    let greek = Field::text().language(Language::Greek);
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", greek));
    let documents = [
        ("1", json!({"body": "ισαισα"})),
        ("2", json!({"body": "θάλασσες"})),
    ];
    Fts.index_many(&mut conn, "docs", documents).unwrap();
    assert_eq!(found(&mut conn, "ΙΣΑΙΣΑ"), ["1"]);
    assert_eq!(found(&mut conn, "θάλασσα"), ["2"]);
}

/// Statements compare the whole text, and later versions read it.
#[test]
fn a_definition_is_kept_letter_for_letter() {
    let all = Language::all().fold(IndexDefinition::new(), |definition, language| {
        definition.field(language.name(), Field::text().language(language))
    });
    let tag = Field::keyword().keep_accents().weight(0.1).unsearched();
    let all = all.field("tag", tag).field("score", Field::float());
    let (_db, mut conn) = index_of(&all);
    let languages: String = Language::all()
        .map(|language| {
            let name = language.name();
            format!(
                r#"{{"name":"{name}","kind":"text","language":"{name}","accents":false,"weight":1.0,"searched":true}},"#
            )
        })
        .collect();
    let others = concat!(
        r#"{"name":"tag","kind":"keyword","language":"unstemmed","accents":true,"weight":0.1,"searched":false},"#,
        r#"{"name":"score","kind":"float","language":"unstemmed","accents":false,"weight":1.0,"searched":false}"#,
    );
    let kept = format!(r#"{{"version":1,"fields":[{languages}{others}],"words":4,"lead":true}}"#);
    let is_kept = format!("__covara_search_indexes WHERE definition = '{kept}'");
    assert_eq!(count(&mut conn, &is_kept), 1, "{kept}");
    assert_eq!(Fts.definition(&mut conn, "docs").unwrap(), Some(all));

    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(CREATE).unwrap();
    Fts.follow::<_, Post>(&mut conn).unwrap();
    // A pattern of LIKE has 50 bytes at most on D1.
    let kept = concat!(
        r#""key":"id","columns":["title","text body","author","stars","published"]},"#,
        r#""words":4,"lead":true}"#
    );
    let is_kept =
        format!("__covara_search_indexes WHERE definition <> replace(definition, '{kept}', '')");
    assert_eq!(count(&mut conn, &is_kept), 1);
}
