//! The rows of an answer, which are decoded from its text one after the other.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use diesel::pg::{Pg, PgValue, TypeOidLookup};
use diesel::result::{Error, QueryResult};
use diesel::row::{PartialRow, Row, RowIndex, RowSealed};

use super::api::{Field, StatementResult};
use super::value::{Catalogue, Kind, decode};
use crate::remote::error::malformed;
use crate::remote::range::range_in;

/// An answer whose types may have to be looked up.
pub(super) struct Answer {
    body: String,
    /// Position of the first row.
    at: usize,
    fields: Vec<Field>,
    types: Arc<Catalogue>,
}

impl Answer {
    /// Reads the rows of a statement, or of the last one of a batch.
    pub(super) fn of(body: String, in_batch: bool) -> QueryResult<Self> {
        let result = StatementResult::of(&body, in_batch)?;
        let rows = range_in(&body, result.rows.get());
        let rows = rows.filter(|rows| body[rows.clone()].starts_with('['));
        let at = rows.ok_or_else(|| malformed("no list of rows"))?.start + 1;
        Ok(Self {
            at,
            fields: result.fields,
            types: Arc::default(),
            body,
        })
    }

    pub(super) fn oids(&self) -> Vec<u32> {
        self.fields.iter().map(|field| field.oid).collect()
    }

    pub(super) fn read_with(mut self, types: &Arc<Catalogue>) -> Self {
        self.types = Arc::clone(types);
        self
    }
}

/// The columns of an answer.
struct Columns {
    names: Vec<String>,
    kinds: Vec<(u32, Kind)>,
}

/// An iterator over the rows of an answer.
pub struct NeonCursor {
    body: String,
    at: usize,
    columns: Arc<Columns>,
    types: Arc<Catalogue>,
}

/// Shows nothing, as Diesel's own cursor cannot be shown.
impl fmt::Debug for NeonCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeonCursor").finish_non_exhaustive()
    }
}

impl From<Answer> for NeonCursor {
    fn from(answer: Answer) -> Self {
        let kind = |oid| answer.types.kind(oid).unwrap_or(Kind::Unknown);
        let kinds = answer
            .fields
            .iter()
            .map(|field| (field.oid, kind(field.oid)));
        let kinds = kinds.collect();
        let names = answer.fields.into_iter().map(|field| field.name).collect();
        Self {
            body: answer.body,
            at: answer.at,
            columns: Arc::new(Columns { names, kinds }),
            types: answer.types,
        }
    }
}

/// Returns the cell that begins at a position, and where it ends.
fn cell(body: &str, at: usize) -> Option<(Option<Cow<'_, str>>, usize)> {
    let rest = body.get(at..)?;
    if rest.starts_with("null") {
        return Some((None, at + 4));
    }
    let text = rest.strip_prefix('"')?;
    let mut end = 0;
    let mut is_escaped = false;
    loop {
        let bytes = text.as_bytes().get(end..)?;
        end += bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if text.as_bytes()[end] == b'"' {
            break;
        }
        is_escaped = true;
        end += 2;
    }
    let whole = end + 2;
    let text = match is_escaped {
        true => Cow::Owned(serde_json::from_str(rest.get(..whole)?).ok()?),
        false => Cow::Borrowed(text.get(..end)?),
    };
    Some((Some(text), at + whole))
}

impl NeonCursor {
    /// Skips spaces, and then this character if it comes next.
    fn skip(&mut self, expected: u8) -> bool {
        let bytes = self.body.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        let is_next = bytes.get(self.at) == Some(&expected);
        self.at += usize::from(is_next);
        is_next
    }

    fn row(&mut self) -> QueryResult<NeonRow> {
        let columns = Arc::clone(&self.columns);
        let not_a_row = || malformed("a row does not have a text or null for each column");
        let mut row = NeonRow {
            columns: Arc::clone(&columns),
            bytes: Vec::new(),
            cells: Vec::with_capacity(columns.kinds.len()),
        };
        if !self.skip(b'[') {
            return Err(not_a_row());
        }
        for (position, (oid, kind)) in columns.kinds.iter().enumerate() {
            if position > 0 && !self.skip(b',') {
                return Err(not_a_row());
            }
            // Only skips spaces.
            self.skip(b' ');
            let (text, end) = cell(&self.body, self.at).ok_or_else(not_a_row)?;
            self.at = end;
            let Some(text) = text else {
                row.cells.push(None);
                continue;
            };
            let start = row.bytes.len();
            decode(&text, *oid, kind, &self.types, &mut row.bytes).map_err(|problem| {
                let column = &columns.names[position];
                Error::DeserializationError(format!("column {column:?}: {problem}").into())
            })?;
            row.cells.push(Some(start..row.bytes.len()));
        }
        match self.skip(b']') {
            true => Ok(row),
            false => Err(not_a_row()),
        }
    }
}

impl Iterator for NeonCursor {
    type Item = QueryResult<NeonRow>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip(b',');
        if self.skip(b']') {
            self.at = self.body.len();
        }
        if self.at >= self.body.len() {
            return None;
        }
        let row = self.row();
        if row.is_err() {
            self.at = self.body.len();
        }
        Some(row)
    }
}

/// A row of an answer.
pub struct NeonRow {
    columns: Arc<Columns>,
    bytes: Vec<u8>,
    cells: Vec<Option<Range<usize>>>,
}

/// Shows nothing, as Diesel's own row cannot be shown.
impl fmt::Debug for NeonRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeonRow").finish_non_exhaustive()
    }
}

impl RowSealed for NeonRow {}

impl<'a> Row<'a, Pg> for NeonRow {
    type Field<'f>
        = NeonField<'f>
    where
        'a: 'f,
        Self: 'f;
    type InnerPartialRow = Self;

    fn field_count(&self) -> usize {
        self.cells.len()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<Self::Field<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        let column = self.idx(index)?;
        Some(NeonField { row: self, column })
    }

    fn partial_row(&self, range: Range<usize>) -> PartialRow<'_, Self::InnerPartialRow> {
        PartialRow::new(self, range)
    }
}

impl RowIndex<usize> for NeonRow {
    fn idx(&self, index: usize) -> Option<usize> {
        (index < self.cells.len()).then_some(index)
    }
}

impl<'a> RowIndex<&'a str> for NeonRow {
    fn idx(&self, name: &'a str) -> Option<usize> {
        self.columns.names.iter().position(|known| known == name)
    }
}

/// A value of a row.
#[derive(Debug)]
pub struct NeonField<'r> {
    row: &'r NeonRow,
    column: usize,
}

impl<'r> diesel::row::Field<'r, Pg> for NeonField<'r> {
    fn field_name(&self) -> Option<&str> {
        self.row.columns.names.get(self.column).map(String::as_str)
    }

    fn value(&self) -> Option<PgValue<'_>> {
        let range = self.row.cells.get(self.column)?.clone()?;
        Some(PgValue::new(self.row.bytes.get(range)?, self))
    }

    fn is_null(&self) -> bool {
        self.row.cells.get(self.column).is_none_or(Option::is_none)
    }
}

impl TypeOidLookup for NeonField<'_> {
    fn lookup(&self) -> NonZeroU32 {
        let kind = self.row.columns.kinds.get(self.column);
        // No column has the type 0.
        let oid = kind.and_then(|(oid, _)| NonZeroU32::new(*oid));
        oid.unwrap_or(NonZeroU32::MIN)
    }
}
