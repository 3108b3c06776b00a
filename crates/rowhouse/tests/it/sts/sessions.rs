//! Session tokens in the hands of strangers: changed, swapped, late, sealed by somebody else.

use serde_json::json;

use super::{Keys, fails, gateway};
use crate::answer::Answer;
use crate::case::{Case, case, suite};
use crate::client::{Client, Request};
use crate::gateway::{APP_KEY, KEY_SECRET, SEALING_KEY, configuration};
use crate::signature::Signer;
use crate::stand::Stand;
use crate::token::{self, KEY, KEY_ID};

/// What is told of every token that does not count.
const UNKNOWN: &str = "UnrecognizedClientException";
/// What is told of every signature that does not fit.
const SIGNATURE: &str = "InvalidSignatureException";

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "sts::sessions",
        &[
            ("a_changed_character_anywhere", a_changed_character_anywhere),
            ("a_header_that_is_not_signed", a_header_that_is_not_signed),
            ("two_tokens", two_tokens),
            ("they_end", they_end),
            ("keys_rotate", keys_rotate),
            ("an_issuer_is_taken_out", an_issuer_is_taken_out),
            ("every_shard_and_node", every_shard_and_node),
        ],
    );
    cases.extend(CHANGES.iter().map(|&(name, exception, change)| {
        case(format!("sts::sessions::{name}"), move |stand| {
            let door = stand.main().http;
            let mine = Keys::for_jwt(door, &token::token("tenant_1"));
            let other = Keys::for_jwt(door, &token::token("tenant_2"));
            let mut signer = mine.signer();
            change(&mut signer, &other);
            refused(ask(stand, &signer), exception);
            // And still when the good one is remembered.
            assert_eq!(ask(stand, &mine.signer()).value(), 1);
            refused(ask(stand, &signer), exception);
        })
    }));
    cases
}

/// A name, what is told, and what is done to good credentials before they sign.
type Change = (&'static str, &'static str, fn(&mut Signer, &Keys));

const CHANGES: &[Change] = &[
    ("secret_of_another", SIGNATURE, |signer, other| signer.secret = other.secret.clone()),
    ("id_of_another", UNKNOWN, |signer, other| signer.id = other.id.clone()),
    ("token_of_another", UNKNOWN, |signer, other| signer.session_token = Some(other.token.clone())),
    ("all_but_the_secret_of_another", SIGNATURE, |signer, other| {
        signer.id = other.id.clone();
        signer.session_token = Some(other.token.clone());
    }),
    ("no_token", SIGNATURE, |signer, _| signer.session_token = None),
    ("empty_token", UNKNOWN, |signer, _| signer.session_token = Some(String::new())),
    ("token_as_secret", SIGNATURE, |signer, other| signer.secret = other.token.clone()),
    ("no_secret", SIGNATURE, |signer, _| signer.secret.clear()),
    ("a_long_lived_key", UNKNOWN, |signer, _| {
        signer.id = APP_KEY.to_owned();
        signer.secret = KEY_SECRET.to_owned();
    }),
    ("a_jwt", UNKNOWN, |signer, _| signer.session_token = Some(token::token("tenant_1"))),
    ("twice", UNKNOWN, |signer, _| {
        signer.session_token =
            signer.session_token.as_ref().map(|token| format!("{token},{token}"));
    }),
    ("long", UNKNOWN, |signer, _| signer.session_token = Some("A".repeat(30_000))),
    ("not_ascii", UNKNOWN, |signer, _| signer.session_token = Some("tökën".to_owned())),
    ("other_region", SIGNATURE, |signer, _| signer.region = "eu-west-1".to_owned()),
    ("six_minutes_old", SIGNATURE, |signer, _| signer.time -= 360),
];

fn statement(stand: &Stand) -> Request {
    let person = stand.main().nobody();
    Request::post("/Execute", &person.body(json!({"sql": "select 1"})))
}

fn ask(stand: &Stand, signer: &Signer) -> Answer {
    let door = stand.main().http;
    Client::connect(door).ask(&signer.sign(&statement(stand), door)).unwrap()
}

/// One sentence, whatever it was.
#[track_caller]
fn refused(answer: Answer, exception: &str) {
    answer.fails(exception, "The credentials of this request are missing, invalid or expired.");
}

fn a_changed_character_anywhere(stand: &Stand) {
    let door = stand.main().http;
    let keys = Keys::for_jwt(door, &token::token("tenant_1"));
    let mut client = Client::connect(door);
    for at in 0..keys.token.len() {
        let mut changed = keys.token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let mut signer = keys.signer();
        signer.session_token = Some(String::from_utf8(changed).unwrap());
        refused(client.ask(&signer.sign(&statement(stand), door)).unwrap(), UNKNOWN);
    }
}

fn a_header_that_is_not_signed(stand: &Stand) {
    let door = stand.main().http;
    let keys = Keys::for_jwt(door, &token::token("tenant_1"));
    let mut signer = keys.signer();
    signer.unsigned.push("x-amz-security-token".to_owned());
    refused(ask(stand, &signer), SIGNATURE);
    // Put there by somebody on the way.
    signer.session_token = None;
    let signed = signer.sign(&statement(stand), door);
    let added = signed.header("X-Amz-Security-Token", keys.token.as_str());
    refused(Client::connect(door).ask(&added).unwrap(), SIGNATURE);
    // Taken away by somebody on the way.
    let taken = keys.signer().sign(&statement(stand), door).replace("X-Amz-Security-Token", None);
    refused(Client::connect(door).ask(&taken).unwrap(), SIGNATURE);
}

fn two_tokens(stand: &Stand) {
    let door = stand.main().http;
    let (mine, other) = (
        Keys::for_jwt(door, &token::token("tenant_1")),
        Keys::for_jwt(door, &token::token("tenant_2")),
    );
    for second in [&mine, &other] {
        let signed = mine.signer().sign(&statement(stand), door);
        let both = signed.header("X-Amz-Security-Token", second.token.as_str());
        refused(Client::connect(door).ask(&both).unwrap(), SIGNATURE);
    }
}

fn they_end(stand: &Stand) {
    let door = stand.main().http;
    let text = configuration(&stand.cluster().address);
    let keys = Keys::minted(&text, &["--tenant", "tenant_1", "--ttl", "3s"]);
    let person = keys.person(door);
    assert_eq!(person.execute("select distinct tenant from note").word(), "tenant_1");
    let limit = std::time::Duration::from_secs(20);
    let refused = crate::wait::until("the session ends", limit, || {
        let answer = person.execute("select 1");
        (answer.status != 200).then_some(answer)
    });
    let sentence = "The security token included in the request is expired";
    refused.fails("ExpiredTokenException", sentence);
    // On a connection, and so perhaps a shard, that has never seen it.
    person.again().execute("select 1").fails("ExpiredTokenException", sentence);
    fails(&keys.who_am_i(door), 403, "ExpiredToken");
    // Only its holder hears that it was good once.
    let mut changed = keys;
    changed
        .token
        .replace_range(30..31, if changed.token[30..].starts_with('A') { "B" } else { "A" });
    changed.person(door).execute("select 1").fails(UNKNOWN, "");
    fails(&changed.who_am_i(door), 403, "InvalidClientTokenId");
}

fn keys_rotate(stand: &Stand) {
    const NEW_KEY: &str = "the-trials-seal-their-next-sessions-with-this";
    let key = |secret: &str| format!("[[sts.key]]\nsecret = '{secret}'\n");
    let both = gateway(stand, |text| {
        text.replace(&key(SEALING_KEY), &format!("{}{}", key(NEW_KEY), key(SEALING_KEY)))
    });
    let after = gateway(stand, |text| text.replace(&key(SEALING_KEY), &key(NEW_KEY)));
    let jwt = token::token("tenant_1");
    let old = Keys::for_jwt(stand.main().http, &jwt);
    assert_eq!(old.person(both.http).execute("select 1").value(), 1);
    let new = Keys::for_jwt(both.http, &jwt);
    assert_eq!(new.person(after.http).execute("select 1").value(), 1);
    old.person(after.http).execute("select 1").fails(UNKNOWN, "");
    // A node that does not have the new key yet: it must get it before it is the first one.
    new.person(stand.main().http).execute("select 1").fails(UNKNOWN, "");
}

fn an_issuer_is_taken_out(stand: &Stand) {
    let issuer = |name: &str| {
        format!(
            "[[issuer]]\nissuer = '{name}'\n[[issuer.key]]\nkid = '{KEY_ID}'\n\
             algorithm = 'HS256'\nsecret = '{KEY}'\n"
        )
    };
    let both = gateway(stand, |text| text + &issuer("first") + &issuer("second"));
    let one = gateway(stand, |text| text + &issuer("second"));
    let none = gateway(stand, |text| {
        text.replace("[[jwt.key]]", "[[issuer]]\nissuer = 'x'\n[[issuer.key]]")
    });
    let narrowed = gateway(stand, |text| text + &narrow(&issuer("first"), "tenant_2"));
    let same = gateway(stand, |text| text + &narrow(&issuer("first"), "tenant_1"));
    let keys = |iss: &str| {
        let mut claims = token::claims("tenant_1");
        claims["iss"] = iss.into();
        Keys::for_jwt(both.http, &token::signed(&claims))
    };
    let (first, second, other) = (keys("first"), keys("second"), keys("other"));
    for (keys, door, counts) in [
        (&first, both.http, true),
        (&first, one.http, false),
        (&second, one.http, true),
        (&other, one.http, true),
        (&other, none.http, false),
        // Still an issuer, but not for this tenant any more.
        (&first, narrowed.http, false),
        (&first, same.http, true),
    ] {
        let answer = keys.person(door).execute("select 1");
        if counts {
            assert_eq!(answer.value(), 1);
        } else {
            refused(answer, UNKNOWN);
        }
    }
    // What the operator has sealed needs no issuer.
    let text = configuration(&stand.cluster().address);
    let minted = Keys::minted(&text, &["--tenant", "tenant_1"]);
    assert_eq!(minted.person(none.http).execute("select 1").value(), 1);
}

/// An issuer that may vouch for one tenant only.
fn narrow(issuer: &str, tenant: &str) -> String {
    issuer.replacen("[[issuer.key]]", &format!("tenants = ['{tenant}']\n[[issuer.key]]"), 1)
}

fn every_shard_and_node(stand: &Stand) {
    let keys = Keys::for_jwt(stand.main().http, &token::token("tenant_1"));
    let other = gateway(stand, |text| text);
    for door in [stand.main().http, other.http] {
        for _ in 0..8 {
            assert_eq!(keys.person(door).execute("select 1").value(), 1);
        }
    }
}
