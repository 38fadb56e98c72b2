//! Node.js, whose own crypto stands for programs in JavaScript.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs the body of a function of `input` and `crypto`, and returns what it returns.
pub fn run(body: &str, input: &Value) -> Value {
    let script = format!(
        "const crypto = require('crypto');
         const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
         console.log(JSON.stringify((() => {{ {body} }})()));"
    );
    let mut node = Command::new("node")
        .args(["-e", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node.js");
    let mut stdin = node.stdin.take().expect("piped");
    stdin
        .write_all(input.to_string().as_bytes())
        .expect("a reader");
    drop(stdin);
    let output = node.wait_with_output().expect("an exit");
    assert!(output.status.success(), "the script failed");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Whether each of `[key, stored hash]` belong together, by the check of Covara (TypeScript).
pub fn check(pairs: &[(String, String)]) -> Vec<bool> {
    let answer = run(
        "return input.map(([key, stored]) => {
             const [kind, parameters, salt, hash] = stored.split('$');
             if (kind !== 'scrypt' || !parameters || !salt || !hash) return false;
             const number = (name) =>
                 Number(parameters.split(',').find((part) => part.startsWith(name + '='))?.slice(2));
             const [N, r, p] = ['N', 'r', 'p'].map(number);
             const expected = Buffer.from(hash, 'base64');
             const derived = crypto.scryptSync(key, Buffer.from(salt, 'base64'), expected.length,
                 { N, r, p, maxmem: 128 * N * r * 2 });
             return crypto.timingSafeEqual(derived, expected);
         });",
        &serde_json::to_value(pairs).expect("plain data"),
    );
    serde_json::from_value(answer).expect("booleans")
}

/// Hashes `[key, [N, r, p]]` as Covara (TypeScript) does.
pub fn hash(keys: &[(&str, [u32; 3])]) -> Vec<String> {
    let answer = run(
        "return input.map(([key, [N, r, p]]) => {
             const salt = crypto.randomBytes(16);
             const hash = crypto.scryptSync(key, salt, 64, { N, r, p, maxmem: 256 * N * r * p + 4096 });
             const [a, b] = [salt, hash].map((bytes) => bytes.toString('base64'));
             return `scrypt$N=${N},r=${r},p=${p}$${a}$${b}`;
         });",
        &serde_json::to_value(keys).expect("plain data"),
    );
    serde_json::from_value(answer).expect("texts")
}
