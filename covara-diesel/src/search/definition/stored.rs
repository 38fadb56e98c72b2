//! The form of a definition in the catalogue.

use serde::{Deserialize, Serialize};

use super::{Field, FieldKind, FollowedTable, IndexDefinition, Language};
use crate::backend::dialect::Dialect;

/// The maximum version of a definition, or of its words, that is read: no more than that are made, and numbers made of
/// it do not overflow.
const MOST_VERSIONS: i64 = 1 << 32;

/// A definition in the catalogue. Its form must never change: statements compare it letter for
/// letter.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: i64,
    fields: Vec<StoredField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<FollowedTable>,
    /// `None` for version 1, which wrote none.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    becoming: Option<i64>,
    /// `false` for versions 1 and 2, which wrote none.
    #[serde(default, skip_serializing_if = "is_false")]
    lead: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Serialize, Deserialize)]
struct StoredField {
    name: String,
    kind: FieldKind,
    language: Language,
    accents: bool,
    weight: f64,
    searched: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    fuzzy: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    joined: bool,
}

impl IndexDefinition {
    pub(in crate::search) fn to_json(&self) -> String {
        let fields = self.fields.iter().map(|(name, field)| StoredField {
            name: name.clone(),
            kind: field.kind,
            language: field.language,
            accents: field.accents,
            weight: field.weight,
            searched: field.searched,
            fuzzy: field.fuzzy,
            joined: field.joined,
        });
        let stored = Stored {
            version: self.version,
            fields: fields.collect(),
            table: self.table.clone(),
            words: (self.words > 1).then_some(self.words),
            becoming: self.becoming,
            lead: self.lead,
        };
        // It cannot fail: no part of it is a map.
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Reads a definition from the catalogue, which others may have written. Its names are a part of
    /// statements, so a definition that this library would not write is refused.
    pub(in crate::search) fn from_json(text: &str, dialect: Dialect) -> Option<Self> {
        let stored: Stored = serde_json::from_str(text).ok()?;
        let fields = stored.fields.into_iter().map(|stored| {
            let field = Field {
                kind: stored.kind,
                language: stored.language,
                accents: stored.accents,
                weight: stored.weight,
                searched: stored.searched,
                fuzzy: stored.fuzzy,
                joined: stored.joined,
            };
            (stored.name, field)
        });
        let definition = Self {
            fields: fields.collect(),
            version: stored.version,
            table: stored.table,
            words: stored.words.unwrap_or(1),
            becoming: stored.becoming,
            lead: stored.lead,
        };
        let is_table = |followed: &FollowedTable| is_quoted_name(&followed.table, dialect);
        let mut versions = [
            Some(definition.version),
            Some(definition.words),
            definition.becoming,
        ]
        .into_iter()
        .flatten();
        let is_sound = versions.all(|version| (1..=MOST_VERSIONS).contains(&version))
            && definition.check().is_ok()
            && definition.table.as_ref().is_none_or(is_table);
        is_sound.then_some(definition)
    }
}

/// Returns whether SQL is one quoted name, or two with a dot between them.
fn is_quoted_name(sql: &str, dialect: Dialect) -> bool {
    let quote = match dialect {
        Dialect::Sqlite => '`',
        Dialect::Postgres => '"',
    };
    let behind_name = |sql: &str| {
        let mut rest = sql.strip_prefix(quote)?;
        loop {
            rest = rest.split_once(quote)?.1;
            match rest.strip_prefix(quote) {
                Some(behind) => rest = behind,
                None => return Some(rest.len()),
            }
        }
    };
    let mut rest = sql;
    for _ in 0..2 {
        let Some(left) = behind_name(rest) else {
            return false;
        };
        rest = &rest[rest.len() - left..];
        match rest.strip_prefix('.') {
            Some(behind) => rest = behind,
            None => return rest.is_empty(),
        }
    }
    false
}

#[cfg(test)]
mod tests;
