//! The encoding of a page's end as a text that callers pass on.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use super::definition::FieldKind;
use super::plan::Order;
use crate::backend::sql::Bind;

/// The place after which a page begins.
#[derive(Debug, PartialEq)]
pub(super) struct Place {
    /// The values of the orders.
    pub(super) values: Vec<Bind<'static>>,
    pub(super) id: String,
    /// How much the parts of the query count for: scores of the next page must be those of this one.
    pub(super) rarities: Vec<f64>,
}

/// Encodes a cursor; `values` are the last row's values of the orders.
pub(super) fn write(values: &[Bind<'_>], id: &str, rarities: &[f64]) -> String {
    let values = values.iter().map(|value| match value {
        Bind::Text(text) => text.as_deref().into(),
        Bind::Integer(number) => (*number).into(),
        Bind::Double(number) => (*number).into(),
        Bind::Texts(_) | Bind::Integers(_) | Bind::Doubles(_) => Value::Null,
    });
    let rarities = (!rarities.is_empty()).then(|| rarities.into());
    let place: Vec<Value> = values.chain([id.into()]).chain(rarities).collect();
    BASE64URL_NOPAD.encode(Value::from(place).to_string().as_bytes())
}

/// Decodes a cursor, or returns `None` when it was not written for these orders.
pub(super) fn read(text: &str, orders: &[Order]) -> Option<Place> {
    let json = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let place: Vec<Value> = serde_json::from_slice(&json).ok()?;
    let (rarities, place) = match place.split_last()? {
        (Value::Array(rarities), place) => (rarities.as_slice(), place),
        _ => (&[][..], place.as_slice()),
    };
    let rarities: Option<Vec<f64>> = rarities.iter().map(Value::as_f64).collect();
    let (id, values) = place.split_last()?;
    let id = id.as_str().filter(|id| !id.contains('\0'))?;
    if values.len() != orders.len() {
        return None;
    }
    let values = values.iter().zip(orders).map(|(value, order)| {
        let kind = order.column.map(|(_, kind)| kind);
        Some(match kind {
            None => Bind::Double(Some(value.as_f64()?)),
            Some(FieldKind::Float) if value.is_null() => Bind::Double(None),
            Some(FieldKind::Float) => Bind::Double(Some(value.as_f64()?)),
            Some(FieldKind::Keyword | FieldKind::Text) if value.is_null() => Bind::Text(None),
            Some(FieldKind::Keyword | FieldKind::Text) => {
                let text = value.as_str().filter(|text| !text.contains('\0'))?;
                text.to_owned().into()
            }
            Some(_) if value.is_null() => Bind::Integer(None),
            Some(_) => Bind::Integer(Some(value.as_i64()?)),
        })
    });
    Some(Place {
        values: values.collect::<Option<_>>()?,
        id: id.to_owned(),
        rarities: rarities?,
    })
}

#[cfg(test)]
mod tests;
