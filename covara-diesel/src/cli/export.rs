//! The command `covara export`.

use std::fs;

use serde_json::json;

use super::arguments;
use super::backends::FILES;
use super::outcome::{Failure, Outcome};

pub(super) fn run(arguments: &arguments::Export) -> Result<Outcome, Failure> {
    let files = FILES.ok_or_else(|| {
        Failure::usage(
            "this covara was built without SQLite: install it with the feature sqlite, as in \
             cargo install covara-diesel --features cli,sqlite",
        )
    })?()?;
    let directory = &arguments.directory;
    fs::create_dir_all(directory)?;
    let mut text = String::new();
    let mut written = Vec::new();
    for file in files {
        let path = directory.join(&file.name);
        fs::write(&path, &file.sql)?;
        let path = path.display().to_string();
        text.push_str(&path);
        text.push('\n');
        written.push(path);
    }
    Ok(Outcome {
        text,
        json: json!({ "command": "export", "ok": true, "files": written }),
        complaint: None,
    })
}
