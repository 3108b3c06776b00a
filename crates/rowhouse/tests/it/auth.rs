//! Who gets in, and that everybody else is told the same.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::case::{Case, case, suite};
use crate::client::{Client, Request};
use crate::gateway::{APP_KEY, KEY_SECRET, KEY_TENANT, TENANT_KEY};
use crate::person::{Credential, Person};
use crate::signature::Signer;
use crate::stand::Stand;
use crate::token::{self, AUDIENCE, KEY, KEY_ID};

/// The one thing that is told.
const SENTENCE: &str = "The credentials of this request are missing, invalid or expired.";

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "auth",
        &[
            ("a_good_token", a_good_token),
            ("a_role_claim_narrows", a_role_claim_narrows),
            ("access_keys", access_keys),
            ("expiry_is_looked_at_every_time", expiry_is_looked_at_every_time),
            ("identity_comes_first", identity_comes_first),
            ("a_signature_is_for_one_request", a_signature_is_for_one_request),
        ],
    );
    cases.extend(refused_headers().into_iter().map(|(name, headers)| {
        case(format!("auth::header::{name}"), move |stand| {
            let request = statement(&stand.tenant("tenant_1"));
            let add = |request: Request, value| request.header("Authorization", value);
            refused(stand, &headers.into_iter().fold(request, add));
        })
    }));
    cases.extend(refused_claims().into_iter().map(|(name, claims)| {
        case(format!("auth::claims::{name}"), move |stand| {
            let person = with_token(stand, &token::signed(&claims));
            refused(stand, &person.prove(&statement(&person)));
        })
    }));
    cases.extend(SIGNERS.iter().map(|&(name, accepted, change)| {
        case(format!("auth::signature::{name}"), move |stand| {
            let mut signer = Signer::new(APP_KEY, KEY_SECRET);
            change(&mut signer);
            let person = stand.app();
            let signed = signer.sign(&statement(&person), person.door);
            if accepted { answered(stand, &signed) } else { refused(stand, &signed) }
        })
    }));
    cases.extend(CHANGES.iter().map(|&(name, change)| {
        case(format!("auth::changed::{name}"), move |stand| {
            let person = stand.app();
            let signer = Signer::new(APP_KEY, KEY_SECRET);
            let signed = signer.sign(&statement(&person), person.door);
            refused(stand, &change(signed));
        })
    }));
    cases
}

/// A write, so that a refusal that came too late would leave a trace.
fn statement(person: &Person) -> Request {
    let sql = "insert into written values ('tenant_1', 'without identity') returning 1";
    Request::post("/Execute", &person.body(json!({"sql": sql})))
}

fn with_token(stand: &Stand, token: &str) -> Person {
    Person::new(stand.main().http, Credential::Bearer(token.to_owned()))
}

#[track_caller]
fn refused(stand: &Stand, request: &Request) {
    let answer = Client::connect(stand.main().http).ask(request).unwrap();
    assert_eq!(answer.status, 403, "{}", answer.text());
    is_the_sentence(&answer);
    let sql = "select count(*) from written where mark = 'without identity'";
    assert_eq!(stand.admin().execute(sql).value(), 0);
}

/// The whole body, but for the two names that AWS has for it.
#[track_caller]
fn is_the_sentence(answer: &Answer) {
    let name = answer.exception();
    assert!(["AccessDeniedException", "InvalidSignatureException"].contains(&name), "{name}");
    assert_eq!(answer.json(), json!({"__type": name, "message": SENTENCE}));
}

fn answered(stand: &Stand, request: &Request) {
    // The application has no tenant, so the row is refused: by PostgreSQL, which is far behind the
    // door.
    let answer = Client::connect(stand.main().http).ask(request).unwrap();
    answer.fails_with("42501");
}

/// `Authorization` headers that lead nowhere.
fn refused_headers() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let good = format!("Bearer {}", token::token("tenant_1"));
    let header = json!({"alg": "HS256", "kid": KEY_ID});
    let with = |header: Value, key: &str| {
        format!("Bearer {}", token::mint(&header, &token::claims("tenant_1"), key))
    };
    let unsigned = |alg: &str| {
        let header = json!({"alg": alg, "kid": KEY_ID});
        format!("Bearer {}", token::unsigned(&header, &token::claims("tenant_1")))
    };
    let cut = |bytes: usize| good.get(..good.len() - bytes).unwrap().to_owned();
    let mut parts = good.splitn(3, '.');
    let (head, _, signature) =
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let other = token::unsigned(&header, &token::claims("tenant_2"));
    let swapped = format!("{head}.{}.{signature}", other.split('.').nth(1).unwrap());
    let one = |text: &str| vec![text.as_bytes().to_vec()];
    vec![
        ("missing", vec![]),
        ("empty", one("")),
        ("no_token", one("Bearer ")),
        ("basic", one("Basic dXNlcjpwYXNzd29yZA==")),
        ("garbage", one("Bearer garbage")),
        ("three_words", one("Bearer a.b.c")),
        ("no_scheme", one(good.trim_start_matches("Bearer "))),
        ("not_utf8", vec![[b"Bearer ".as_slice(), &[0xff, 0xfe]].concat()]),
        ("long", one(&format!("Bearer {}", "a".repeat(20_000)))),
        ("two_good_ones", vec![good.clone().into_bytes(), good.clone().into_bytes()]),
        ("good_and_bad", vec![good.clone().into_bytes(), b"Bearer x".to_vec()]),
        ("two_in_one", one(&format!("{good}, {good}"))),
        ("alg_none", one(&format!("{}.", unsigned("none")))),
        ("alg_none_without_end", one(&unsigned("none"))),
        ("alg_none_in_capitals", one(&format!("{}.{signature}", unsigned("NONE")))),
        ("alg_of_a_public_key", one(&with(json!({"alg": "RS256", "kid": KEY_ID}), KEY))),
        ("alg_missing", one(&with(json!({"kid": KEY_ID}), KEY))),
        ("other_key", one(&with(header.clone(), "another key of more than 32 bytes, surely"))),
        ("empty_key", one(&with(header, ""))),
        ("unknown_kid", one(&with(json!({"alg": "HS256", "kid": "other"}), KEY))),
        ("kid_of_a_file", one(&with(json!({"alg": "HS256", "kid": "../../etc/passwd"}), KEY))),
        ("own_jwk", one(&with(json!({"alg": "HS256", "jwk": {"k": "AA"}}), "\0"))),
        ("critical", one(&with(json!({"alg": "HS256", "kid": KEY_ID, "crit": ["x"]}), KEY))),
        ("cut_signature", one(&cut(4))),
        ("no_signature", one(&format!("{}.", good.rsplit_once('.').unwrap().0))),
        ("a_part_more", one(&format!("{good}.x"))),
        ("claims_of_another", one(&swapped)),
    ]
}

/// Claims that are signed with the right key and wrong all the same.
fn refused_claims() -> Vec<(&'static str, Value)> {
    let with = |claim: &str, value: Value| {
        let mut claims = token::claims("tenant_1");
        claims[claim] = value;
        claims
    };
    let without = |claim: &str| {
        let mut claims = token::claims("tenant_1");
        claims.as_object_mut().unwrap().remove(claim);
        claims
    };
    let now = token::now();
    vec![
        ("expired", with("exp", json!(now - 60))),
        ("expired_long_ago", with("exp", json!(0))),
        ("expiry_missing", without("exp")),
        ("expiry_as_text", with("exp", json!("9999999999"))),
        // Further in the future than any machine needs to begin this trial.
        ("not_yet", with("nbf", json!(now + 3000))),
        ("made_in_the_future", with("iat", json!(now + 3000))),
        ("other_audience", with("aud", json!("another-service"))),
        ("other_audiences", with("aud", json!(["a", "b"]))),
        ("audience_of_any_type", with("aud", json!([AUDIENCE, 1]))),
        ("audience_missing", without("aud")),
        ("audience_empty", with("aud", json!([]))),
        ("tenant_missing", without("tenant_id")),
        ("tenant_empty", with("tenant_id", json!(""))),
        ("tenant_null", with("tenant_id", Value::Null)),
        ("tenants", with("tenant_id", json!(["tenant_1", "tenant_2"]))),
        ("tenant_with_nul", with("tenant_id", json!("tenant_1\0"))),
        ("tenant_too_long", with("tenant_id", json!("t".repeat(5000)))),
        ("tenant_rounded", with("tenant_id", json!(1.5))),
        ("role_of_any_type", with("role", json!(7))),
        ("no_object", json!([1, 2])),
    ]
}

/// A change to a signer, and whether the signature still counts.
type SignerCase = (&'static str, bool, fn(&mut Signer));

const SIGNERS: &[SignerCase] = &[
    ("good", true, |_| {}),
    ("four_minutes_old", true, |signer| signer.time -= 240),
    ("four_minutes_ahead", true, |signer| signer.time += 240),
    ("six_minutes_old", false, |signer| signer.time -= 360),
    ("six_minutes_ahead", false, |signer| signer.time += 360),
    ("a_day_old", false, |signer| signer.time -= 86_400),
    ("wrong_secret", false, |signer| signer.secret.push('x')),
    ("empty_secret", false, |signer| signer.secret.clear()),
    ("unknown_key", false, |signer| signer.id = "NOSUCH".to_owned()),
    ("other_region", false, |signer| signer.region = "eu-west-1".to_owned()),
    ("other_service", false, |signer| signer.service = "sts".to_owned()),
    ("unsigned_host", false, |signer| signer.unsigned.push("host".to_owned())),
    ("unsigned_date", false, |signer| signer.unsigned.push("x-amz-date".to_owned())),
    // The SDKs for JavaScript v2 and PHP; a body is JSON whatever the header says.
    ("unsigned_type", true, |signer| signer.unsigned.push("content-type".to_owned())),
];

/// A name, and what is done to a request after it was signed.
type Change = (&'static str, fn(Request) -> Request);

const CHANGES: &[Change] = &[
    ("body", |mut request| {
        request.body.push(b' ');
        request
    }),
    ("path", |mut request| {
        request.path = "/BatchExecute".to_owned();
        request
    }),
    ("query", |mut request| {
        request.path.push_str("?x=1");
        request
    }),
    ("presigned", |mut request| {
        request.path.push_str("?X-Amz-Signature=00");
        request
    }),
    ("host", |request| request.replace("Host", Some("other.example"))),
    ("type", |request| request.replace("Content-Type", Some("text/plain"))),
    ("date", |request| request.replace("X-Amz-Date", Some("20260101T000000Z"))),
    ("no_date", |request| request.replace("X-Amz-Date", None)),
    ("security_token", |request| request.header("X-Amz-Security-Token", "unsigned")),
    ("body_hash", |request| request.header("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")),
    ("second_host", |request| request.header("Host", "other.example")),
    ("signature", |request| {
        let changed = last_digit_changed(&request);
        request.replace("Authorization", Some(&changed))
    }),
    ("two_headers", |request| {
        let good = request.values("Authorization")[0].to_vec();
        request.header("Authorization", good)
    }),
];

fn last_digit_changed(request: &Request) -> String {
    let mut text = String::from_utf8(request.values("Authorization")[0].to_vec()).unwrap();
    let digit = if text.pop() == Some('0') { '1' } else { '0' };
    text.push(digit);
    text
}

fn a_good_token(stand: &Stand) {
    let sql = "select distinct tenant from note";
    for (scheme, claims) in [
        ("Bearer", token::claims("tenant_1")),
        ("bearer", token::claims("tenant_1")),
        ("BEARER", {
            let mut claims = token::claims("tenant_1");
            claims["aud"] = json!(["someone", AUDIENCE]);
            claims
        }),
    ] {
        let person = stand.main().nobody();
        let request = Request::post("/Execute", &person.body(json!({"sql": sql})))
            .header("Authorization", format!("{scheme} {}", token::signed(&claims)));
        assert_eq!(person.send(&request).rows(), json!([["tenant_1"]]));
    }
    // A number is a name as well.
    let mut claims = token::claims("");
    claims["tenant_id"] = json!(42);
    let person = with_token(stand, &token::signed(&claims));
    assert_eq!(person.execute("select current_setting('app.current_tenant')").value(), "42");
}

fn a_role_claim_narrows(stand: &Stand) {
    let mut claims = token::claims("tenant_1");
    claims["role"] = json!("it_reader");
    let person = with_token(stand, &token::signed(&claims));
    let answer = person.execute("select 1");
    answer.fails("AccessDeniedException", "This caller may not use this secret.");
    let reader = person.again().via("reader");
    assert_eq!(reader.execute("select current_user").value(), "it_reader");
    // A claim gives nothing that the secret's list of principals does not.
    claims["role"] = json!("postgres");
    let person = with_token(stand, &token::signed(&claims)).via("admin");
    let answer = person.execute("select 1");
    answer.fails("AccessDeniedException", "This caller may not use this secret.");
}

fn access_keys(stand: &Stand) {
    let sql = "select count(distinct tenant), min(tenant) from note";
    let tenant = Person::with_key(stand.main().http, TENANT_KEY, KEY_SECRET);
    assert_eq!(tenant.execute(sql).rows(), json!([[1, KEY_TENANT]]));
    tenant.execute("set app.current_tenant = 'tenant_1'").fails_with("42501");
    assert_eq!(stand.app().execute(sql).rows(), json!([[0, null]]));
    assert_eq!(stand.admin().execute(sql).rows()[0][0], 100);
}

fn expiry_is_looked_at_every_time(stand: &Stand) {
    let mut claims = token::claims("tenant_1");
    claims["exp"] = json!(token::now() + 2);
    let person = with_token(stand, &token::signed(&claims));
    assert_eq!(person.execute("select count(*) from note").value(), 3);
    let limit = std::time::Duration::from_secs(20);
    let refused = crate::wait::until("the token ends", limit, || {
        let answer = person.execute("select 1");
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.status, 403);
    is_the_sentence(&refused);
    // The leeway of these gateways is one second.
    assert!(token::now() >= claims["exp"].as_u64().unwrap());
}

/// Whatever else is wrong with a request, who has no credential hears of that only.
fn identity_comes_first(stand: &Stand) {
    let nobody = stand.main().nobody();
    for request in [
        Request::post_bytes("/Execute", "not JSON"),
        Request::post_bytes("/nosuch", "{}"),
        Request::post_bytes("/ExecuteSql", "{}"),
        Request::get("/Execute"),
        Request::get("/"),
        Request::post_bytes("/Execute", vec![b'x'; 10_000]),
    ] {
        let answer = nobody.again().send(&request);
        assert_eq!(answer.status, 403, "{} {}", request.path, answer.text());
        is_the_sentence(&answer);
    }
}

fn a_signature_is_for_one_request(stand: &Stand) {
    let person = stand.app();
    let signer = Signer::new(APP_KEY, KEY_SECRET);
    let signed = signer.sign(&statement(&person), person.door);
    let mut other = Request::post("/Execute", &person.body(json!({"sql": "select 1"})));
    other.headers = signed.headers.clone();
    refused(stand, &other);
    answered(stand, &signed);
}
