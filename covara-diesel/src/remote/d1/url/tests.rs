use super::*;

#[test]
fn statements_go_to_the_database_of_the_account() {
    let at = "base_url=https://example.com/v4/&token=x";
    for url in [
        "d1://Acc-1_/db-2_",
        "d1://Acc-1_/db-2_/",
        "d1://Acc-1_//db-2_",
    ] {
        let target = D1Url::of(&format!("{url}?{at}")).unwrap();
        let end = "/accounts/Acc-1_/d1/database/db-2_/raw";
        assert_eq!(target.endpoint, format!("https://example.com/v4{end}"));
        assert_eq!(target.authority, "example.com");
        assert_eq!(target.token.as_deref(), Some("x"));
    }
}

#[test]
fn what_names_no_database_is_refused_without_its_token() {
    for url in [
        "d1://a?token=secret",
        "d1://a/?token=secret",
        "d1://a/b/c?token=secret",
        "d1://a/..%2fb?token=secret",
        "d1://a.b/c?token=secret",
        "d1://ä/c?token=secret",
        "d1:///b?token=secret",
        "libsql://a/b?token=secret",
        "d1://a/b?secret=",
        "d1://a/b?token=secret&base_url=ftp://h",
        "d1://a/b?token=secret&base_url=http://h",
        "d1://a/b?token=secret&base_url=https://h?x=y",
        "d1://a/b?token=secret&base_url=h",
    ] {
        let error = D1Url::of(url).err().unwrap().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
