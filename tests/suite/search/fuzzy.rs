//! Misspelt words.

use covara_diesel::search::{
    self, Field, Filter, Highlight, IndexDefinition, Language, SearchAdapter, SearchQuery,
};
use serde_json::json;

use super::{ids, index_of, search};
use crate::backend::{Conn, Fts, TestDb};

fn texts() -> (TestDb, Conn) {
    let (db, mut conn) = index_of(
        &IndexDefinition::new()
            .field("title", Field::text().fuzzy())
            .field("body", Field::text().language(Language::English).fuzzy())
            .field("code", Field::keyword()),
    );
    let all = [
        ("1", json!({"title": "Receive letters", "code": "windmill"})),
        (
            "2",
            json!({"title": "Relieve", "body": "Receiving letters"}),
        ),
        (
            "3",
            json!({"title": "Größe", "body": "information technology"}),
        ),
        (
            "4",
            json!({"title": "Café базар", "body": "日本語 x86 c3po3"}),
        ),
        ("5", json!({"title": "letter lettre", "body": "better"})),
    ];
    Fts.index_many(&mut conn, "docs", all).unwrap();
    (db, conn)
}

fn fuzzy(words: &str) -> SearchQuery {
    SearchQuery::new(words).fuzzy()
}

#[test]
fn words_with_a_mistake_are_found_from_four_letters_and_with_two_from_eight() {
    let (_db, mut conn) = texts();
    let conn = &mut conn;
    for (words, expected) in [
        ("recieve", vec!["1", "2"]),
        ("reeive", vec!["1", "2"]),
        ("receve letters", vec!["1", "2"]),
        ("caffe", vec!["4"]),
        ("cafe", vec!["4"]),
        ("grosse", vec!["3"]),
        ("grose", vec!["3"]),
        ("bazaar", vec![]),
        ("базра", vec!["4"]),
        ("вазар", vec!["4"]),
        ("caf", vec![]),
        ("infromatoin", vec!["3"]),
        ("ifnormatoin", vec!["3"]),
        ("infomraaton", vec![]),
        ("technolgoies", vec![]),
        ("technologyy", vec!["3"]),
        ("tecnologgy", vec!["3"]),
        ("c3po4", vec![]),
        ("日木語", vec![]),
        ("windmil", vec![]),
        ("bettter", vec!["5"]),
        ("latter", vec!["2", "5"]),
    ] {
        assert_eq!(ids(conn, &fuzzy(words)), expected, "{words}");
        let is_exact = ["cafe", "grosse"].contains(&words);
        let plain = search(conn, &SearchQuery::new(words)).total > 0;
        assert_eq!(plain, is_exact, "{words}");
    }
}

#[test]
fn words_as_they_were_typed_come_first_and_operators_are_exact() {
    let (_db, mut conn) = texts();
    let conn = &mut conn;
    let order = |conn: &mut Conn, query: SearchQuery| -> Vec<String> {
        let hits = search(conn, &query).hits.into_iter();
        hits.map(|hit| hit.id).collect()
    };
    for n in 0..20 {
        let document = json!({"title": format!("lettre {n}"), "body": "letters"});
        Fts.index(conn, "docs", &format!("x{n}"), &document)
            .unwrap();
    }
    Fts.index(conn, "docs", "z", &json!({"body": "a lettrs of old"}))
        .unwrap();
    let query = fuzzy("lettrs").exact_first(false).size(100);
    let found = order(conn, query.clone());
    assert_eq!(found[0], "z");
    assert!(found.len() > 20, "{found:?}");
    let any = order(
        conn,
        fuzzy("lettrs zebra").any().exact_first(false).size(100),
    );
    assert_eq!(any, found);
    for words in ["\"recieve\"", "recie*", "letters -recieve \"recieve\""] {
        assert_eq!(ids(conn, &fuzzy(words).syntax()), [""; 0], "{words}");
    }
    let without = fuzzy("latters -relieve").syntax();
    let without = ids(conn, &without.filter(Filter::not(Filter::present("code"))));
    let of = |id: &str| without.iter().any(|found| found == id);
    assert_eq!((of("x0"), of("1"), of("2")), (true, false, false));
    assert_eq!(ids(conn, &fuzzy("recieve").as_you_type()), [""; 0]);
    assert_eq!(ids(conn, &fuzzy("recieve ").as_you_type()), ["1", "2"]);
    assert_eq!(ids(conn, &fuzzy("recieve").fields(["code"])), [""; 0]);
    let marked = search(conn, &fuzzy("recieve").highlight(Highlight::new()));
    let marked = marked.hits.iter().find(|hit| hit.id == "1").unwrap();
    assert_eq!(marked.highlights["title"], ["<em>Receive</em> letters"]);
}

#[test]
fn words_that_no_document_has_are_corrected() {
    let (_db, mut conn) = texts();
    let conn = &mut conn;
    let mean =
        |conn: &mut Conn, query: SearchQuery| search(conn, &query.did_you_mean()).did_you_mean;
    for (words, expected) in [
        ("recieve", Some("receive")),
        ("  Recieve, letterss!", Some("  receive, letters!")),
        ("letters recieve", Some("letters receive")),
        ("infromatoin", Some("information")),
        ("receive", None),
        ("receives", None),
        ("receivings", None),
        ("zebra", None),
        ("windmil", None),
        ("x87", None),
        ("", None),
    ] {
        assert_eq!(
            mean(conn, SearchQuery::new(words)).as_deref(),
            expected,
            "{words}"
        );
    }
    assert_eq!(
        search(conn, &SearchQuery::new("recieve")).did_you_mean,
        None
    );
    let quoted = SearchQuery::new("\"recieve\" -relieeve letterss").syntax();
    let expected = Some("\"recieve\" -relieeve letters".to_owned());
    assert_eq!(mean(conn, quoted), expected);
    // Of equally near words it is the most frequent.
    for n in 0..3 {
        let document = json!({"title": "mail"});
        Fts.index(conn, "docs", &format!("m{n}"), &document)
            .unwrap();
    }
    Fts.index(conn, "docs", "n", &json!({"title": "bail maia"}))
        .unwrap();
    assert_eq!(
        mean(conn, SearchQuery::new("maiil")).as_deref(),
        Some("mail")
    );
    assert_eq!(
        mean(conn, SearchQuery::new("rail")).as_deref(),
        Some("mail")
    );
    // And none that no document has any more.
    for n in 0..3 {
        Fts.delete(conn, "docs", &format!("m{n}")).unwrap();
    }
    assert_eq!(
        mean(conn, SearchQuery::new("rail")).as_deref(),
        Some("bail")
    );
    assert_eq!(ids(conn, &fuzzy("mail")), ["n"]);
}

#[test]
fn an_index_learns_with_its_first_fuzzy_field() {
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", Field::text()));
    let conn = &mut conn;
    let document = json!({"body": "umbrella", "title": "windmill"});
    Fts.index(conn, "docs", "1", &document).unwrap();
    assert_eq!(ids(conn, &fuzzy("umbrela")), [""; 0]);
    let title = IndexDefinition::new().field("title", Field::text().fuzzy());
    Fts.add_fields(conn, "docs", &title).unwrap();
    let more = IndexDefinition::new().field("more", Field::text().fuzzy());
    Fts.add_fields(conn, "docs", &more).unwrap();
    assert_eq!(search::reindex(conn, "docs").unwrap().faulty, 0);
    assert_eq!(ids(conn, &fuzzy("windmil")), ["1"]);
    // Words of other fields are not learnt, and near ones are looked for in fuzzy fields only.
    assert_eq!(ids(conn, &fuzzy("umbrela")), [""; 0]);
    Fts.index(conn, "docs", "2", &json!({"body": "windmill"}))
        .unwrap();
    assert_eq!(ids(conn, &fuzzy("windmil")), ["1"]);
    assert!(Fts.delete_index(conn, "docs").unwrap());
    let definition = IndexDefinition::new().field("title", Field::text().fuzzy());
    assert!(Fts.create_index(conn, "docs", &definition).unwrap());
    let other = IndexDefinition::new().field("title", Field::text());
    assert!(Fts.create_index(conn, "docs", &other).is_err());
}

#[test]
fn many_documents_are_learnt_at_once_and_again() {
    let (_db, mut conn) = index_of(&IndexDefinition::new().field("body", Field::text().fuzzy()));
    let conn = &mut conn;
    let word = |n: usize| -> String {
        let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
        [
            'w',
            letter(n),
            letter(n / 26),
            'q',
            letter(n / 7),
            'k',
            letter(n / 3),
        ]
        .iter()
        .collect()
    };
    let documents =
        |shift: usize| (0..1_500).map(move |n| (n.to_string(), json!({"body": word(n + shift)})));
    for shift in [0, 0, 100] {
        Fts.index_many(conn, "docs", documents(shift)).unwrap();
        for n in [0, 700, 1_499] {
            let typed = format!("{}k", word(n + shift));
            let found = ids(conn, &fuzzy(&typed));
            assert!(found.contains(&n.to_string()), "{typed}: {found:?}");
        }
    }
}
