//! Forms and tokens that no SDK would send: each is refused by name, and nothing comes of it.

use serde_json::{Value, json};

use super::{assume, element, exchange, fails, form, send};
use crate::case::{Case, case, suite};
use crate::client::Request;
use crate::stand::Stand;
use crate::token::{self, KEY, KEY_ID};

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite("sts::forms", &[("not_forms", not_forms), ("too_much", too_much)]);
    cases.extend(FORMS.iter().map(|&(name, change, status, code)| {
        case(format!("sts::forms::{name}"), move |stand| {
            let body = change(assume(&token::token("tenant_1")));
            fails(&send(stand.main().http, &form(&body)), status, code);
        })
    }));
    cases.extend(jwts().into_iter().map(|(name, jwt, code)| {
        case(format!("sts::jwts::{name}"), move |stand: &Stand| {
            let answer = exchange(stand.main().http, &jwt);
            let told = fails(&answer, 400, code);
            assert!(!answer.text().contains("AccessKeyId"), "{told}");
        })
    }));
    cases
}

/// A name, a change to a good form, and what it is told.
type FormCase = (&'static str, fn(String) -> String, u16, &'static str);

const FORMS: &[FormCase] = &[
    ("empty", |_| String::new(), 400, "MissingAction"),
    ("json", |_| "{}".to_owned(), 400, "MissingAction"),
    ("no_version", |body| body.replace("Version=2011-06-15", ""), 400, "InvalidAction"),
    ("other_action", |body| body.replace("WithWebIdentity&", "&"), 400, "InvalidAction"),
    ("two_tokens", |body| body + "&WebIdentityToken=x", 400, "MalformedQueryString"),
    ("a_name_in_disguise", |body| body + "&%52oleArn=x", 400, "MalformedQueryString"),
    ("percent", |body| body + "%", 400, "MalformedQueryString"),
    ("no_digits", |body| body + "%zz", 400, "MalformedQueryString"),
    ("not_utf8", |body| body + "&x=%ff%fe", 400, "MalformedQueryString"),
    ("many", |body| body + &"&x=1".repeat(5000), 400, "MalformedQueryString"),
    (
        "many_names",
        |body| (0..500).fold(body, |b, n| format!("{b}&x{n}=")),
        400,
        "MalformedQueryString",
    ),
    ("session_in_xml", |body| body.replace("me%40work", "%3C%2FArn%3E"), 400, "ValidationError"),
    ("session_nul", |body| body.replace("me%40work", "me%00"), 400, "ValidationError"),
    ("session_long", |body| body.replace("me%40work", &"m".repeat(65)), 400, "ValidationError"),
    ("role", |body| body.replace(":role/", ":user/"), 400, "ValidationError"),
    ("role_lines", |body| body.replace("role/path", "role/%0d%0a"), 400, "ValidationError"),
    ("policy", |body| body + "&Policy=%7B%7D", 400, "ValidationError"),
    ("policy_arns", |body| body + "&PolicyArns.member.1.arn=a", 400, "ValidationError"),
    ("provider", |body| body + "&ProviderId=www.amazon.com", 400, "ValidationError"),
    ("tags", |body| body + "&Tags.member.1.Key=tenant", 400, "ValidationError"),
    ("short", |body| body + "&DurationSeconds=60", 400, "ValidationError"),
    ("forever", |body| body + "&DurationSeconds=99999999999999999999", 400, "ValidationError"),
    ("long", |body| body + "&DurationSeconds=43200", 400, "ValidationError"),
];

fn jwts() -> Vec<(&'static str, String, &'static str)> {
    let with = |claim: &str, value: Value| {
        let mut claims = token::claims("tenant_1");
        claims[claim] = value;
        token::signed(&claims)
    };
    let header = json!({"alg": "HS256", "kid": KEY_ID});
    let good = token::token("tenant_1");
    let invalid = "InvalidIdentityToken";
    vec![
        ("expired", with("exp", json!(token::now() - 60)), "ExpiredTokenException"),
        // Who cannot sign does not learn what a token would have been.
        (
            "expired_and_forged",
            token::mint(&header, &json!({"exp": 1}), "another key of more than 32 bytes, surely"),
            invalid,
        ),
        ("garbage", "garbage".to_owned(), invalid),
        ("dots", "..".to_owned(), invalid),
        ("alg_none", format!("{}.", token::unsigned(&json!({"alg": "none"}), &json!({}))), invalid),
        ("other_audience", with("aud", json!("somebody")), invalid),
        ("no_tenant", with("tenant_id", Value::Null), invalid),
        ("tenants", with("tenant_id", json!(["tenant_1", "tenant_2"])), invalid),
        (
            "other_key",
            token::mint(&header, &token::claims("tenant_1"), &KEY.replace('t', "T")),
            invalid,
        ),
        ("a_part_more", format!("{good}.x"), invalid),
        ("long", format!("{good}{}", "A".repeat(9000)), invalid),
        ("deep", with("x", (0..200).fold(json!(1), |inner, _| json!([inner]))), invalid),
        // Base64 that decodes to a nest of arrays.
        ("nested", format!("{}.e30.x", "W1tb".repeat(1500)), invalid),
    ]
}

fn not_forms(stand: &Stand) {
    let door = stand.main().http;
    let body = assume(&token::token("tenant_1"));
    for kind in [None, Some("application/json"), Some("application/x-amz-json-1.1"), Some("")] {
        let request = form(&body).replace("Content-Type", kind);
        let told = fails(&send(door, &request), 400, "MalformedQueryString");
        assert!(told.contains("application/x-www-form-urlencoded"), "{told}");
    }
    // A token in a URL would be in the log of every proxy.
    let mut request = form("");
    request.path = format!("/?{body}");
    let told = fails(&send(door, &request), 400, "MalformedQueryString");
    assert!(told.contains("body"), "{told}");
    // Nothing else than POST / is this service.
    let answer = send(door, &Request::get(&format!("/?{body}")));
    answer.fails("AccessDeniedException", "");
    let mut request = form(&body);
    request.path = "/sts".to_owned();
    send(door, &request).fails("AccessDeniedException", "");
    // What is repeated of a caller's words is text and not markup.
    let answer = send(door, &form("Action=%3C%2FMessage%3E%3CCode%3EOK&Version=2011-06-15"));
    fails(&answer, 400, "InvalidAction");
    assert!(element(&answer.text(), "Message").unwrap().contains("&lt;Code&gt;OK"));
}

fn too_much(stand: &Stand) {
    let door = stand.main().http;
    // Well below what the Data API takes at the same door.
    let body = format!("{}&x={}", assume(&token::token("tenant_1")), "x".repeat(40_000));
    let told = fails(&send(door, &form(&body)), 400, "ValidationError");
    assert!(told.contains("larger than 32768 bytes"), "{told}");
}
