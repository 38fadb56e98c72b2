//! Connection strings of PostgreSQL, beside what libpq itself makes of them.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr;

use covara_diesel::__fuzz as library;

/// Stands for a password.
const SECRET: &str = "S3cret";
/// The time-outs that a pool may set.
const UNSET: &str = "statement_timeout,lock_timeout,idle_in_transaction_session_timeout";

type Parameters = BTreeMap<String, String>;

/// The parameters that libpq reads from a connection string, or its message.
fn parse(text: &str) -> Result<Parameters, String> {
    let text = CString::new(text).map_err(|error| error.to_string())?;
    let mut message: *mut c_char = ptr::null_mut();
    let owned = |text: *const c_char| {
        // SAFETY: libpq ends its texts with NUL.
        let text = unsafe { CStr::from_ptr(text) };
        text.to_string_lossy().into_owned()
    };
    // SAFETY: the text ends with NUL, and the message may be written to.
    let options = unsafe { pq_sys::PQconninfoParse(text.as_ptr(), &mut message) };
    if options.is_null() {
        let said = owned(message);
        // SAFETY: libpq allocated the message.
        unsafe { pq_sys::PQfreemem(message.cast()) };
        return Err(said);
    }
    let mut parameters = Parameters::new();
    let mut option = options;
    // SAFETY: the array ends with an option without a keyword.
    while let Some(one) = unsafe { option.as_ref() }.filter(|one| !one.keyword.is_null()) {
        if !one.val.is_null() {
            parameters.insert(owned(one.keyword), owned(one.val));
        }
        // SAFETY: this was not the last.
        option = unsafe { option.add(1) };
    }
    // SAFETY: libpq allocated the array.
    unsafe { pq_sys::PQconninfoFree(options) };
    Ok(parameters)
}

pub(crate) fn libpq(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains('\0') {
        return;
    }
    let accepted = library::connection_string(text);
    match parse(&library::without_driver(text)) {
        Ok(expected) => {
            same(text, &expected);
            if let Some(url) = accepted {
                hosts(text, &expected);
                secret(text, &url, &expected);
                started(text, &expected);
            }
        }
        Err(message) => {
            // It is not asked about others.
            assert!(
                accepted.is_none()
                    || !message.contains(SECRET)
                    || library::is_withheld(&message, text),
                "{text:?}: {message}"
            );
        }
    }
}

/// Each parameter is what libpq takes it for.
fn same(text: &str, expected: &Parameters) {
    let is_url = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    // Bytes that are not UTF-8 were replaced in what libpq says.
    let readable = |value: &&String| !value.is_empty() && !value.contains('\u{fffd}');
    for (name, expected) in expected.iter().filter(|(_, value)| readable(value)) {
        match library::parameter(text, name) {
            Some(found) if is_url => {
                let found = percent_decoded(&found);
                assert_eq!(found, expected.as_bytes(), "{text:?}, {name}");
            }
            Some(found) => assert_eq!(&found, expected, "{text:?}, {name}"),
            // Before the query of a URL.
            // libpq makes it of the old parameter `requiressl`.
            None if name == "sslmode" => {}
            None => assert!(is_url, "{text:?}, {name}"),
        }
    }
}

/// libpq tries as many hosts.
fn hosts(text: &str, expected: &Parameters) {
    let is_url = text.starts_with("postgres");
    let hosts = ["hostaddr", "host"].map(|name| expected.get(name).filter(|v| !v.is_empty()));
    let hosts = hosts.into_iter().flatten().next();
    let count = hosts.map_or(1, |hosts| hosts.split(',').count());
    // libpq takes anything in brackets for an address, which only an address is.
    let is_odd = is_url
        && text.split('[').skip(1).any(|rest| {
            let inside = rest.split(']').next().unwrap_or(rest);
            inside.contains([',', '@', '['])
        });
    // Nor are there commas in names of hosts and in ports.
    let before = text.split(['?', '/']).nth(2).unwrap_or_default();
    let is_odd = is_odd || is_url && before.to_lowercase().contains("%2c");
    if !is_odd {
        assert_eq!(library::host_count(text), count, "{text:?}");
    }
}

/// A password is nothing else to libpq, which would print it.
fn secret(text: &str, url: &str, expected: &Parameters) {
    let url_parts = text
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql"));
    let is_password = url_parts.is_some_and(|(_, rest)| {
        let before = rest.split(SECRET).next().unwrap_or_default();
        rest.matches(SECRET).count() == 1
            && before.contains(':')
            && !before.contains(['@', '/', '?'])
            && rest
                .split('/')
                .next()
                .is_some_and(|rest| rest.contains('@'))
            && rest
                .rsplit('@')
                .next()
                .is_some_and(|host| !host.contains(SECRET))
    });
    if is_password {
        for name in ["host", "port", "dbname"] {
            let found = expected
                .get(name)
                .is_some_and(|value| value.contains(SECRET));
            assert!(!found, "{text:?}: {name}");
        }
    }
    let is_whole = expected
        .get("password")
        .is_some_and(|password| password == SECRET);
    if is_whole && !text.contains("S3cret%") {
        let message = format!("could not translate host name \"{SECRET}\"");
        let given = library::parameter(text, "password");
        let bare = given.is_none_or(|given| given == SECRET);
        assert!(
            !bare || !url.contains(&format!(":{SECRET}@")) || library::is_withheld(&message, url)
        );
    }
}

/// A pool adds parameters and changes none.
fn started(text: &str, expected: &Parameters) {
    let url = library::startup_url(text, UNSET).expect("it was accepted");
    let found = match parse(&url) {
        Ok(found) => found,
        Err(error) => panic!("{text:?} became {url:?}: {error}"),
    };
    if expected.contains_key("service") {
        return;
    }
    // One without a value counts as not given.
    let counts =
        |(name, value): &(&String, &String)| name.as_str() != "options" && !value.is_empty();
    for (name, expected) in expected.iter().filter(counts) {
        assert_eq!(found.get(name), Some(expected), "{text:?}, {name}");
    }
    let added = ["connect_timeout", "tcp_user_timeout", "options"];
    for name in found.keys().filter(|name| !expected.contains_key(*name)) {
        assert!(
            added.contains(&name.as_str()) || name.starts_with("keepalives_"),
            "{text:?}: {name}"
        );
    }
    let told = "-c statement_timeout=1000 -c lock_timeout=2000 \
                -c idle_in_transaction_session_timeout=3000 ";
    let options = expected.get("options").map_or("", String::as_str);
    assert_eq!(
        found.get("options"),
        Some(&format!("{told}{options}")),
        "{text:?}"
    );
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind.split_at_checked(2)) {
            (b'%', Some((digits, behind))) => {
                let digits = std::str::from_utf8(digits).expect("digits");
                decoded.push(u8::from_str_radix(digits, 16).expect("digits"));
                rest = behind;
            }
            (other, _) => decoded.push(*other),
        }
    }
    decoded
}
