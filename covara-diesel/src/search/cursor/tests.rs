use super::*;

const SCORE: Order = Order {
    column: None,
    descending: true,
};

fn by(kind: FieldKind) -> Order {
    Order {
        column: Some((0, kind)),
        descending: false,
    }
}

fn encoded(json: &str) -> String {
    BASE64URL_NOPAD.encode(json.as_bytes())
}

#[test]
fn a_cursor_is_read_by_the_orders_it_was_written_for() {
    let values = [
        Bind::Double(Some(-1.5)),
        Bind::Text(Some("é\"".into())),
        Bind::Integer(Some(i64::MIN)),
        Bind::Integer(None),
        Bind::Double(None),
    ];
    let orders = [
        SCORE,
        by(FieldKind::Keyword),
        by(FieldKind::Date),
        by(FieldKind::Boolean),
        by(FieldKind::Float),
    ];
    for rarities in [&[][..], &[0.5, 1e-6]] {
        let place = read(&write(&values, "7", rarities), &orders).unwrap();
        assert_eq!(format!("{:?}", place.values), format!("{values:?}"));
        assert_eq!(
            (place.id.as_str(), place.rarities.as_slice()),
            ("7", rarities)
        );
    }
}

#[test]
fn a_cursor_of_other_orders_is_none() {
    let two = write(&[Bind::Double(Some(1.0)), Bind::Integer(Some(1))], "7", &[]);
    let one = write(&[Bind::Double(Some(1.0))], "7", &[]);
    let number = by(FieldKind::Integer);
    assert!(read(&two, &[SCORE, number]).is_some());
    for (cursor, orders) in [
        (&two, vec![SCORE]),
        (&two, vec![SCORE, number, number]),
        (&one, vec![]),
        (&one, vec![SCORE, number]),
        (&one, vec![number]),
        (&one, vec![by(FieldKind::Keyword)]),
    ] {
        assert!(read(cursor, &orders).is_none(), "{orders:?}");
    }
}

#[test]
fn what_is_no_cursor_is_none() {
    for text in [
        "".to_owned(),
        "é".to_owned(),
        "AA==".to_owned(),
        encoded(""),
        encoded("[]"),
        encoded("{}"),
        encoded("[1.5]"),
        encoded("[1.5, 7]"),
        encoded("[null, \"7\"]"),
        encoded("[\"1.5\", \"7\"]"),
        encoded("[1.5, \"\\u0000\"]"),
        encoded("[1e999, \"7\"]"),
        encoded("[1.5, \"7\", [\"1\"]]"),
        encoded("[[1.0]]"),
        encoded("[1.5, \"7\"] "),
    ] {
        let found = read(&text, &[SCORE]);
        assert!(
            found.is_none() || text == encoded("[1.5, \"7\"] "),
            "{text}"
        );
    }
}
