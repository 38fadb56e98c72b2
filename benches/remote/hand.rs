//! The same requests by hand.

use std::fmt::Write;

use serde_json::{Value, json};
use ureq::Agent;

use super::common::User;

#[derive(Clone, Copy)]
pub enum Protocol {
    Hrana,
    D1,
}

pub struct Hand {
    agent: Agent,
    protocol: Protocol,
    url: String,
    token: Option<&'static str>,
}

const FIND: &str = "SELECT `users`.`id`, `users`.`email`, `users`.`name`, `users`.`age`, \
     `users`.`created_at` FROM `users` WHERE (`users`.`id` = ?) LIMIT ?";
const WIDE: &str = "SELECT `wide`.`id`, `wide`.`name`, `wide`.`country`, `wide`.`region`, \
     `wide`.`feature`, `wide`.`population`, `wide`.`latitude`, `wide`.`longitude`, \
     `wide`.`note` FROM `wide`";

impl Hand {
    pub fn new(protocol: Protocol, url: String, token: Option<&'static str>) -> Self {
        let config = Agent::config_builder().no_delay(true).proxy(None);
        Self {
            agent: config.build().new_agent(),
            protocol,
            url: match protocol {
                Protocol::Hrana => format!("{url}/v3/pipeline"),
                Protocol::D1 => url,
            },
            token,
        }
    }

    fn send(&self, body: &Value) -> String {
        self.send_text(&serde_json::to_string(body).expect("JSON"))
    }

    fn send_text(&self, body: &str) -> String {
        let mut request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json");
        if let Some(token) = self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.send(body.as_bytes()).expect("an answer");
        let config = answer.body_mut().with_config().limit(1 << 30);
        config.read_to_string().expect("text")
    }

    fn one(sql: &str, args: &Value, close: bool) -> Value {
        let batch = json!({ "type": "batch", "batch": { "steps": [
            { "stmt": { "sql": sql, "args": args, "want_rows": true } }
        ] } });
        let mut requests = vec![batch, json!({ "type": "get_autocommit" })];
        if close {
            requests.push(json!({ "type": "close" }));
        }
        json!({ "baton": null, "requests": requests })
    }

    /// Finds a user, and reads nothing of the answer.
    pub fn find(&self, id: &str) -> String {
        self.send(&match self.protocol {
            Protocol::Hrana => {
                let args = json!([
                    { "type": "text", "value": id },
                    { "type": "integer", "value": "1" }
                ]);
                Self::one(FIND, &args, true)
            }
            Protocol::D1 => json!({ "sql": FIND, "params": [id, 1] }),
        })
    }

    pub fn fetch_wide(&self) -> String {
        self.send(&Self::one(WIDE, &json!([]), true))
    }

    pub fn script(&self, sql: &str) {
        self.send(&Self::one(sql, &json!([]), true));
    }

    /// Seeds in one transaction and returns how many rows went in.
    pub fn seed(&self, rows: &[User], a_statement: usize, a_request: usize) -> usize {
        let begun = self.send(&Self::one("BEGIN IMMEDIATE", &json!([]), false));
        let begun: Value = serde_json::from_str(&begun).expect("JSON");
        let mut baton = begun["baton"].clone();
        let mut inserted = 0;
        for rows in rows.chunks(a_statement * a_request) {
            let steps: Vec<String> = rows.chunks(a_statement).map(insert).collect();
            let answer = self.send_text(&format!(
                r#"{{"baton":{baton},"requests":[{{"type":"batch","batch":{{"steps":[{}]}}}}]}}"#,
                steps.join(",")
            ));
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            baton = answer["baton"].clone();
            let results = &answer["results"][0]["response"]["result"]["step_results"];
            for result in results.as_array().expect("results") {
                inserted += result["affected_row_count"].as_u64().expect("a count") as usize;
            }
        }
        let commit = json!({ "type": "execute", "stmt": { "sql": "COMMIT" } });
        let requests = [commit, json!({ "type": "close" })];
        self.send(&json!({ "baton": baton, "requests": requests }));
        inserted
    }
}

/// Written straight as text, as fast as it goes; the values hold nothing to escape.
fn insert(rows: &[User]) -> String {
    let mut args = String::with_capacity(rows.len() * 200);
    for user in rows {
        let User {
            id,
            email,
            created_at,
            ..
        } = user;
        write!(
            args,
            r#"{{"type":"text","value":"{id}"}},{{"type":"text","value":"{email}"}},"#
        )
        .expect("memory");
        match &user.name {
            Some(name) => write!(args, r#"{{"type":"text","value":"{name}"}},"#),
            None => write!(args, r#"{{"type":"null"}},"#),
        }
        .expect("memory");
        match user.age {
            Some(age) => write!(args, r#"{{"type":"integer","value":"{age}"}},"#),
            None => write!(args, r#"{{"type":"null"}},"#),
        }
        .expect("memory");
        write!(args, r#"{{"type":"integer","value":"{created_at}"}},"#).expect("memory");
    }
    args.pop();
    let rows = vec!["(?,?,?,?,?)"; rows.len()].join(",");
    format!(
        r#"{{"stmt":{{"sql":"INSERT OR FAIL INTO users (id, email, name, age, created_at) VALUES {rows} ON CONFLICT DO NOTHING","args":[{args}],"want_rows":false}}}}"#
    )
}
