//! Scripts whose effect on transactions is known from how they are made.

use covara_diesel::__fuzz::transaction_changes as changes;

pub(crate) fn transactions(data: &[u8]) {
    match data.split_first() {
        Some((way, rest)) if way % 2 == 1 => {
            let mut script = Script::new(rest);
            script.write();
            assert_eq!(changes(&script.sql), script.expected, "{}", script.sql);
        }
        Some((_, rest)) => any(&String::from_utf8_lossy(rest)),
        None => any(""),
    }
}

/// Checks that changes around a text do not alter its effect.
fn any(sql: &str) {
    let found = changes(sql);
    for before in [
        " ",
        "\n",
        ";",
        "/* ; COMMIT; /* */ ' */",
        "-- ; COMMIT; '\n",
    ] {
        assert_eq!(changes(&format!("{before}{sql}")), found, "{sql}");
    }
    // The tags of dollar quotes distinguish them.
    if !sql.contains('$') {
        assert_eq!(changes(&sql.to_ascii_uppercase()), found, "{sql}");
        assert_eq!(changes(&sql.to_ascii_lowercase()), found, "{sql}");
    }
    // A whole statement before it has its own effect.
    let after = changes(&format!("COMMIT;{sql}"));
    assert_eq!(after.split_first(), Some((&"ends", found.as_slice())));
}

/// Statements that change nothing, with `?` for a literal, and others with what they do.
const STATEMENTS: [(&str, Option<&str>); 34] = [
    ("BEGIN", Some("begins")),
    ("BEGIN WORK", Some("begins")),
    ("BEGIN TRANSACTION READ ONLY", Some("begins")),
    (
        "START TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        Some("begins"),
    ),
    ("COMMIT", Some("ends")),
    ("COMMIT WORK AND NO CHAIN", Some("ends")),
    ("END", Some("ends")),
    ("END TRANSACTION", Some("ends")),
    ("ROLLBACK", Some("ends")),
    ("ROLLBACK AND NO CHAIN", Some("ends")),
    ("ABORT WORK", Some("ends")),
    ("PREPARE TRANSACTION ?", Some("ends")),
    ("COMMIT AND CHAIN", Some("ends and begins")),
    ("END WORK AND CHAIN", Some("ends and begins")),
    ("ROLLBACK TRANSACTION AND CHAIN", Some("ends and begins")),
    ("ROLLBACK TO a", None),
    ("ROLLBACK WORK TO SAVEPOINT a", None),
    ("COMMIT PREPARED ?", None),
    ("ROLLBACK PREPARED ?", None),
    ("SAVEPOINT begin", None),
    ("RELEASE commit", None),
    ("PREPARE a AS SELECT ?", None),
    ("SELECT ?", None),
    ("SELECT a.end , ? AS end", None),
    ("SELECT CASE WHEN a THEN ? END AS begin", None),
    ("INSERT INTO commit ( a ) VALUES ( $1 , ? )", None),
    ("DO ?", None),
    ("EXECUTE begin ( ? )", None),
    ("COMMENT ON TABLE a IS ?", None),
    ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", None),
    ("CREATE FUNCTION f ( ) RETURNS int LANGUAGE sql AS ?", None),
    (
        "CREATE FUNCTION f ( ) RETURNS int BEGIN ATOMIC SELECT ? ; SELECT 2 ; END",
        None,
    ),
    (
        "CREATE OR REPLACE PROCEDURE p ( ) BEGIN ATOMIC SELECT CASE a WHEN ? THEN 2 END AS end ; \
         SELECT a . case , a.end AS case FROM a ; END",
        None,
    ),
    ("", None),
];

/// A script that is made of the bytes, as long as there are any.
struct Script<'a> {
    bytes: &'a [u8],
    sql: String,
    expected: Vec<&'static str>,
}

impl<'a> Script<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let (sql, expected) = (String::new(), Vec::new());
        Self {
            bytes,
            sql,
            expected,
        }
    }

    fn byte(&mut self) -> usize {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                usize::from(*first)
            }
            None => 0,
        }
    }

    /// Takes the next text, up to a byte that no text has.
    fn text(&mut self) -> String {
        let length = self.bytes.iter().position(|byte| *byte == 0xff);
        let (text, rest) = self.bytes.split_at(length.unwrap_or(self.bytes.len()));
        self.bytes = rest.get(1..).unwrap_or_default();
        String::from_utf8_lossy(text).replace('\0', "")
    }

    fn write(&mut self) {
        while !self.bytes.is_empty() {
            let number = self.byte() % STATEMENTS.len();
            let (statement, change) = STATEMENTS[number];
            self.gap(true);
            for word in statement.split(' ') {
                match word {
                    "?" => self.literal(),
                    word => self.word(word),
                }
                self.gap(false);
            }
            self.sql.push(';');
            self.expected.extend(change);
        }
    }

    fn word(&mut self, word: &str) {
        let case = self.byte();
        let letters = word
            .char_indices()
            .map(|(at, letter)| match case >> (at % 8) & 1 {
                0 => letter.to_ascii_uppercase(),
                _ => letter.to_ascii_lowercase(),
            });
        self.sql.extend(letters);
    }

    fn gap(&mut self, optional: bool) {
        match self.byte() % 10 {
            0 if optional => {}
            0..=2 => self.sql.push(' '),
            3 => self.sql.push('\n'),
            4 => self.sql.push_str("\t\r\n"),
            5 => self.sql.push('\u{c}'),
            6 => self.sql.push('\u{b}'),
            7 => self.sql.push_str("/* ; COMMIT; /* ' */ $$ */"),
            8 => {
                let text = self.text().replace(['*', '/'], "");
                self.sql.push_str(&format!("/*{text}*/"));
            }
            _ => {
                let text = self.text().replace(['\n', '\r'], "");
                self.sql.push_str(&format!(" --{text}\n"));
            }
        }
    }

    fn literal(&mut self) {
        let way = self.byte();
        let text = self.text();
        let literal = match way % 8 {
            0 => format!("'{}'", text.replace('\'', "''")),
            1 => format!("\"{}\"", text.replace('"', "\"\"")),
            2 => format!("{}'{}'", ["E", "e"][way / 8 % 2], escaped(&text, way)),
            3 => {
                let (one, other) = (escaped(&text, way), escaped(&self.text(), !way));
                let between = ["\n", " \r\n\t", " -- ' ; COMMIT;\n", "\n-- '\n--\r "][way / 8 % 4];
                format!("E'{one}'{between}'{other}'")
            }
            4 => format!("U&'{}'", text.replace('\'', "''")),
            5 => format!("n'{}'", text.replace('\'', "''")),
            _ => {
                let tag = ["", "a", "_", "ä1", "²", "A_", "begin", "٣"][way / 8 % 8];
                let text = text.replace('$', "");
                let text = if way % 8 == 6 {
                    text
                } else {
                    format!("$ $0$ {text}$b$ $;")
                };
                format!("${tag}${text}${tag}$")
            }
        };
        self.sql.push_str(&literal);
    }
}

/// The text for a string with escapes, in which a quote is doubled or follows a backslash.
fn escaped(text: &str, way: usize) -> String {
    let quote = if way & 64 > 0 { "''" } else { "\\'" };
    text.replace('\\', "\\\\").replace('\'', quote)
}
