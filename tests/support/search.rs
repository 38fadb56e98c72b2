//! What several processes do at once to an index.

use std::error::Error;

use covara_diesel::DatabaseConnection;
use covara_diesel::search::{self, Field, IndexDefinition, SearchAdapter, SearchQuery};
use serde_json::{Value, json};

/// How many documents the job `search-many` writes.
pub const MANY: usize = 4_000;
/// How many ids the jobs share.
pub const SHARED: usize = 40;

/// Does a job `search-name` or `search-name:argument` and says what came of it.
pub fn work<C, A>(adapter: &A, conn: &mut C, job: &str) -> Result<String, Box<dyn Error>>
where
    A: SearchAdapter,
    C: DatabaseConnection<Backend = A::Backend>,
{
    let (name, argument) = job.split_once(':').unwrap_or((job, ""));
    match name {
        "search-many" => {
            let documents =
                (0..MANY).map(|n| (n.to_string(), json!({"body": format!("new w{n}")})));
            Ok(adapter.index_many(conn, "docs", documents)?.to_string())
        }
        "search-same" => {
            for round in 0..10 {
                // In another order each time.
                let ids = (0..SHARED).map(|n| (n * (2 * round + 1)) % SHARED);
                let ids = ids.filter(|n| n % 2 == 0 || round < 9);
                let documents = ids.map(|n| (n.to_string(), body(argument, round)));
                adapter.index_many(conn, "docs", documents)?;
            }
            Ok("done".to_owned())
        }
        "search-each" => {
            for round in 0..3 {
                for n in 0..SHARED {
                    adapter.index(conn, "docs", &n.to_string(), &body(argument, round))?;
                }
            }
            Ok("done".to_owned())
        }
        "search-create" => {
            let definition = IndexDefinition::new().field("body", Field::text());
            let made = adapter.create_index(conn, "docs", &definition)?;
            let id = std::process::id().to_string();
            adapter.index(conn, "docs", &id, &json!({"body": "here"}))?;
            Ok(made.to_string())
        }
        "search-posts" => loop {
            adapter.search(conn, "posts", &SearchQuery::new("row"))?;
        },
        "search-add" => {
            adapter.add_fields(conn, "docs", &added(argument))?;
            while adapter.reindex(conn, "docs", 500)? > 0 {}
            Ok("done".to_owned())
        }
        "search-total" => {
            let query = SearchQuery::new(argument).size(0);
            Ok(adapter.search(conn, "docs", &query)?.total.to_string())
        }
        "search-reindex" => Ok(search::reindex(conn, "docs")?.documents.to_string()),
        _ => Err(format!("no job {name}").into()),
    }
}

/// A field of this name: a text, or a number if it begins with `n`.
pub fn added(name: &str) -> IndexDefinition {
    let field = match name.starts_with('n') {
        true => Field::integer(),
        false => Field::text(),
    };
    IndexDefinition::new().field(name, field)
}

fn body(name: &str, round: usize) -> Value {
    json!({"body": format!("{name} in round {round}")})
}
