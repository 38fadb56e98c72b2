//! A copy of a table that is made of its changes alone.

use std::collections::BTreeMap;

use covara_diesel::changes::{Change, Operation};
use serde_json::Value;

use crate::random::Random;

/// The rows as JSON, by their keys.
#[derive(Debug, Default, PartialEq)]
pub struct Mirror(BTreeMap<String, Value>);

impl Mirror {
    /// The rows of the table itself.
    pub fn of(rows: impl IntoIterator<Item = Value>, key: &[&str]) -> Self {
        let keyed = rows.into_iter().map(|row| {
            let key: Vec<String> = key.iter().map(|name| row[name].to_string()).collect();
            (key.join(" "), row)
        });
        Self(keyed.collect())
    }

    /// Makes a change, which has to fit what is there.
    pub fn apply(&mut self, change: &Change, key: &[&str]) {
        let key: Vec<String> = key
            .iter()
            .map(|name| change.key[name].to_string())
            .collect();
        let key = key.join(" ");
        match (change.operation, &change.old, &change.new) {
            (Operation::Insert, None, Some(new)) => {
                let known = self.0.insert(key, new.clone());
                assert_eq!(known, None, "{change:?}");
            }
            (Operation::Update, Some(old), Some(new)) => {
                let known = self.0.insert(key, new.clone());
                assert_eq!(known.as_ref(), Some(old), "{change:?}");
            }
            (Operation::Delete, Some(old), None) => {
                let known = self.0.remove(&key);
                assert_eq!(known.as_ref(), Some(old), "{change:?}");
            }
            // Tables are truncated as a whole.
            (Operation::All, None, None) => self.0.clear(),
            _ => panic!("{change:?}"),
        }
    }
}

/// Picks a statement, and puts numbers below 20 in the place of `{a}` and `{b}`.
pub fn random_statement(statements: &[&str], random: &mut Random) -> String {
    let at = random.below(statements.len() as u64) as usize;
    let sql = statements[at].replace("{a}", &random.below(20).to_string());
    sql.replace("{b}", &random.below(4).to_string())
}
