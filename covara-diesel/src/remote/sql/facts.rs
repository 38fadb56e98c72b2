//! Properties of a statement that can be seen without a database.

use diesel::result::QueryResult;

use crate::remote::error::unsupported;
use crate::sqlite::tokens::{Kind, Tokens};

/// Properties of a statement, parsed once from its text.
#[derive(Debug, Clone, Default)]
pub(in crate::remote) struct Facts {
    /// Number of values that its placeholders stand for, which is the highest placeholder number.
    pub(in crate::remote) placeholders: usize,
    /// `true` if some placeholders have names.
    pub(in crate::remote) has_names: bool,
    /// `true` if it is certainly one statement that changes nothing, so that it may be sent twice.
    pub(in crate::remote) only_reads: bool,
    /// The way in which it ends a transaction, if it does.
    pub(in crate::remote) ending: Option<Ending>,
    /// `true` for an INSERT, UPDATE or DELETE.
    pub(in crate::remote) writes: bool,
    /// `true` if it inserts a row whenever it does not fail.
    pub(in crate::remote) inserts: bool,
    /// The function with which it asks about earlier statements on the connection.
    asks: Option<Counter>,
}

/// A way of ending a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::remote) enum Ending {
    Commit,
    Rollback,
}

/// SQLite's functions about earlier statements on the same connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counter {
    LastInsertRowid,
    Changes,
    TotalChanges,
}

/// Earlier statements on one of the server's connections.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::remote) struct Done {
    pub(in crate::remote) inserted: bool,
    pub(in crate::remote) wrote: bool,
}

impl Done {
    /// Checks that a statement asks only about earlier statements that ran, and records it.
    pub(in crate::remote) fn then(&mut self, facts: &Facts) -> QueryResult<()> {
        facts.check(*self)?;
        self.inserted |= facts.inserts;
        self.wrote |= facts.writes;
        Ok(())
    }
}

impl Facts {
    pub(in crate::remote) fn of(sql: &str) -> Self {
        let mut facts = Self::default();
        let mut numbers = Numbers::default();
        let mut first = None;
        let mut ended = false;
        let mut is_one = true;
        let mut words = Keywords::default();
        let mut called = None;
        for (kind, range) in Tokens::new(sql) {
            let text = &sql[range];
            match kind {
                Kind::Space => continue,
                Kind::Semicolon => {
                    ended = true;
                    continue;
                }
                // Servers may run the following statement, too.
                _ if ended => is_one = false,
                _ => {}
            }
            // A column list after such a name is never empty.
            called = match (called.take(), text) {
                (Some((counter, false)), "(") => Some((counter, true)),
                (Some((counter, true)), ")") => {
                    facts.asks.get_or_insert(counter);
                    None
                }
                _ => None,
            };
            match kind {
                Kind::Word => {
                    first.get_or_insert(text);
                    words.add(text);
                    called = Counter::of(text).map(|counter| (counter, false));
                }
                Kind::Quoted => {
                    first.get_or_insert("");
                    let name = text.trim_matches(['"', '`', '[', ']']);
                    called = Counter::of(name).map(|counter| (counter, false));
                }
                Kind::Placeholder => {
                    facts.has_names |= !text.starts_with('?');
                    numbers.next(text);
                    first.get_or_insert("");
                }
                _ => {
                    first.get_or_insert("");
                }
            }
        }
        let first = first.unwrap_or_default();
        let is = |keyword: &str| first.eq_ignore_ascii_case(keyword);
        let reads = is("SELECT") || is("VALUES") || is("EXPLAIN") || is("WITH") && !words.writes;
        facts.only_reads = reads && is_one;
        facts.placeholders = numbers.most;
        facts.writes = words.writes && !is("CREATE") && !is("EXPLAIN");
        facts.inserts = (is("INSERT") || is("REPLACE")) && words.values && !words.perhaps;
        facts.ending = match () {
            () if is("COMMIT") || is("END") => Some(Ending::Commit),
            () if is("ROLLBACK") && !words.to => Some(Ending::Rollback),
            () => None,
        };
        if is("CREATE") {
            // The question is asked when the created object runs.
            facts.asks = None;
        }
        facts
    }

    /// Rejects a question that a new connection would answer with 0.
    fn check(&self, done: Done) -> QueryResult<()> {
        let is_known = match self.asks {
            None => true,
            Some(Counter::LastInsertRowid) => done.inserted,
            Some(Counter::Changes) => done.wrote,
            Some(Counter::TotalChanges) => false,
        };
        if is_known {
            return Ok(());
        }
        Err(unsupported(
            "last_insert_rowid(), changes() and total_changes() refer to one connection of the \
             server, and each request outside of a transaction has a connection of its own: use \
             RETURNING or the count that execute() returns, or call them in the batch() or, \
             where there are transactions, in the transaction() in which the row was written",
        ))
    }
}

impl Counter {
    fn of(name: &str) -> Option<Self> {
        const COUNTERS: [(&str, Counter); 3] = [
            ("last_insert_rowid", Counter::LastInsertRowid),
            ("changes", Counter::Changes),
            ("total_changes", Counter::TotalChanges),
        ];
        COUNTERS
            .into_iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known))
            .map(|(_, counter)| counter)
    }
}

/// The words that matter at any position.
#[derive(Default)]
struct Keywords {
    writes: bool,
    values: bool,
    /// `true` if a word may keep an INSERT from inserting.
    perhaps: bool,
    to: bool,
}

impl Keywords {
    fn add(&mut self, word: &str) {
        let is = |keywords: &[&str]| {
            keywords
                .iter()
                .any(|keyword| word.eq_ignore_ascii_case(keyword))
        };
        match word.len() {
            2 => self.to |= is(&["TO"]),
            6 => {
                self.writes |= is(&["INSERT", "UPDATE", "DELETE"]);
                self.values |= is(&["VALUES"]);
                self.perhaps |= is(&["IGNORE", "SELECT"]);
            }
            7 => self.writes |= is(&["REPLACE"]),
            8 => self.perhaps |= is(&["CONFLICT"]),
            _ => {}
        }
    }
}

/// The numbers of a statement's placeholders, assigned as SQLite does.
#[derive(Default)]
pub(super) struct Numbers<'a> {
    names: Vec<(&'a str, usize)>,
    pub(super) most: usize,
}

impl<'a> Numbers<'a> {
    /// Returns the number of the next placeholder, from 1.
    pub(super) fn next(&mut self, text: &'a str) -> usize {
        // Saturates far beyond SQLite's limit, so that the statement is rejected.
        let next = self.most.saturating_add(1);
        let number = match (text, text.strip_prefix('?').map(str::parse)) {
            ("?", _) => next,
            (_, Some(number)) => number.unwrap_or(usize::MAX),
            (name, None) => match self.names.iter().find(|(known, _)| *known == name) {
                Some((_, number)) => *number,
                None => {
                    self.names.push((name, next));
                    next
                }
            },
        };
        self.most = self.most.max(number);
        number
    }
}
