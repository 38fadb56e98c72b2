use super::*;

#[test]
fn what_is_not_closed_ends_with_the_text() {
    for sql in [
        "'", "\"", "`", "[", "/*", "--", "'a", "/* *", "?", "$", ":", "@", "é", "\0",
    ] {
        let end = Tokens::new(sql).last().unwrap().1.end;
        assert_eq!(end, sql.len(), "{sql}");
        let script = format!("SELECT 1;{sql}");
        assert_eq!(statements(&script)[0], "SELECT 1", "{sql}");
    }
    assert_eq!(Tokens::new("").count(), 0);
}

#[test]
fn placeholders_are_counted_unless_one_is_numbered_or_named() {
    for (sql, count) in [
        ("", Some(0)),
        ("SELECT ?, '?', \"?\", -- ?\n ?", Some(2)),
        ("SELECT ?1", None),
        ("SELECT ?, :a", None),
        ("SELECT ?, @a", None),
        ("SELECT a ?? b", Some(2)),
    ] {
        assert_eq!(placeholders(sql), count, "{sql}");
    }
}

#[test]
fn numbers_beyond_all_limits_stay_numbers() {
    let far = format!("?{}", "9".repeat(40));
    let positions = |sql: &str| {
        let mut found = Vec::new();
        rewrite_placeholders(sql, |position| {
            found.push(position);
            String::new()
        });
        found
    };
    assert_eq!(positions("?0, ?1, ?3, ?"), [0, 0, 2, 3]);
    assert_eq!(positions(&far), [usize::MAX - 1]);
}

fn insert(sql: &str, arguments: i64) -> Statement {
    Statement {
        sql: sql.to_owned(),
        arguments: (0..arguments).map(crate::remote::Value::Integer).collect(),
    }
}

#[test]
fn rows_are_taken_apart_only_if_they_all_look_the_same() {
    let apart = |sql: &str, arguments, rows| rows_apart(&insert(sql, arguments), rows);
    let rows = apart(
        "INSERT INTO t VALUES (?, ?), (?, ?) ON CONFLICT DO NOTHING",
        4,
        2,
    )
    .unwrap();
    let one = "INSERT INTO t VALUES (?, ?) ON CONFLICT DO NOTHING";
    assert_eq!(rows.len(), 2);
    for (row, first) in rows.iter().zip([0, 2]) {
        assert_eq!(row.sql.replace("  ", " "), one);
        assert_eq!(
            row.arguments,
            insert("", first + 2).arguments[first as usize..]
        );
    }
    for (sql, arguments, rows) in [
        ("INSERT INTO t VALUES (?, ?), (?, NULL)", 3, 2),
        ("INSERT INTO t VALUES (?, ?), (?, ?)", 4, 3),
        ("INSERT INTO t VALUES (?)", 1, 0),
        ("INSERT INTO t VALUES ('a'), ('a')", 0, 2),
        ("INSERT INTO t SELECT ?, ?", 2, 2),
        ("INSERT INTO t VALUES (?", 1, 1),
    ] {
        assert!(apart(sql, arguments, rows).is_none(), "{sql}");
    }
}
