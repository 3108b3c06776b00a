//! A JWT is exchanged for AWS credentials, and what they are good for: one tenant, for a while.

mod forms;
mod sessions;

use std::net::SocketAddr;

use crate::answer::Answer;
use crate::case::{Case, suite};
use crate::client::{Client, Request};
use crate::folder::Folder;
use crate::gateway::{Gateway, configuration};
use crate::person::{Credential, Person};
use crate::process::{self, rowhouse};
use crate::signature::Signer;
use crate::stand::Stand;
use crate::token;

/// A role that may be named.
const ROLE: &str = "arn:aws:iam::123456789012:role/path/tenant";

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "sts",
        &[
            ("an_exchange", an_exchange),
            ("the_answer", the_answer),
            ("a_role_claim_goes_along", a_role_claim_goes_along),
            ("who_am_i", who_am_i),
            ("what_the_configuration_allows", what_the_configuration_allows),
            ("credentials_of_the_command_line", credentials_of_the_command_line),
        ],
    );
    cases.extend(forms::cases());
    cases.extend(sessions::cases());
    cases
}

/// Temporary credentials, as an SDK keeps them.
#[derive(Debug, Clone)]
pub struct Keys {
    id: String,
    secret: String,
    token: String,
}

impl Keys {
    /// What STS gives for this token.
    #[track_caller]
    pub fn for_jwt(door: SocketAddr, jwt: &str) -> Keys {
        Keys::of(&exchange(door, jwt).ok().text())
    }

    #[track_caller]
    fn of(xml: &str) -> Keys {
        let value = |name| element(xml, name).unwrap_or_else(|| panic!("no {name}: {xml}"));
        Keys {
            id: value("AccessKeyId"),
            secret: value("SecretAccessKey"),
            token: value("SessionToken"),
        }
    }

    /// What `rowhouse token --aws` prints.
    fn minted(config: &str, words: &[&str]) -> Keys {
        let folder = Folder::new("minted");
        let config = folder.write("rowhouse.toml", config);
        let mut command = rowhouse();
        command.args(["token", "--aws", "--config"]).arg(config).args(words);
        let output = process::run(&mut command);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&json["Version"], json.as_object().unwrap().len()), (&1.into(), 5), "{json}");
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        Keys {
            id: text("AccessKeyId"),
            secret: text("SecretAccessKey"),
            token: text("SessionToken"),
        }
    }

    /// Signs with them.
    pub fn signer(&self) -> Signer {
        let mut signer = Signer::new(&self.id, &self.secret);
        signer.session_token = Some(self.token.clone());
        signer
    }

    fn person(&self, door: SocketAddr) -> Person {
        Person::new(door, Credential::Aws(Box::new(self.signer())))
    }

    /// `GetCallerIdentity` with these credentials.
    fn who_am_i(&self, door: SocketAddr) -> Answer {
        let signer = Signer { service: "sts".to_owned(), ..self.signer() };
        send(door, &signer.sign(&form("Action=GetCallerIdentity&Version=2011-06-15"), door))
    }
}

/// A call as SDKs send it.
fn form(body: &str) -> Request {
    let request = Request::post_bytes("/", body);
    request.replace("Content-Type", Some("application/x-www-form-urlencoded; charset=utf-8"))
}

/// The body of an exchange.
fn assume(jwt: &str) -> String {
    format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={ROLE}\
         &RoleSessionName=me%40work&WebIdentityToken={jwt}"
    )
}

/// Asks for credentials for a token.
pub fn exchange(door: SocketAddr, jwt: &str) -> Answer {
    send(door, &form(&assume(jwt)))
}

fn send(door: SocketAddr, request: &Request) -> Answer {
    Client::connect(door).ask(request).unwrap()
}

/// The text of the one element of that name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, rest) = rest.split_once(&format!("</{name}>"))?;
    assert!(!rest.contains(&format!("<{name}>")), "{name} is there twice: {xml}");
    Some(text.to_owned())
}

/// Insists on an error of the query protocol.
#[track_caller]
fn fails(answer: &Answer, status: u16, code: &str) -> String {
    let xml = answer.text();
    let told = element(&xml, "Code").unwrap_or_default();
    assert_eq!((answer.status, told.as_str()), (status, code), "{xml}");
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert_eq!(element(&xml, "RequestId").as_deref(), answer.header("x-amzn-requestid"));
    assert!(xml.starts_with("<ErrorResponse xmlns="), "{xml}");
    element(&xml, "Message").unwrap()
}

/// A gateway of its own, with a configuration of its own.
fn gateway(stand: &Stand, change: impl FnOnce(String) -> String) -> Gateway {
    let folder = Folder::new("sts");
    let text = change(configuration(&stand.cluster().address));
    let config = folder.write("rowhouse.toml", &text);
    let mut command = rowhouse();
    command.args(["serve", "--config"]).arg(config).env("ROWHOUSE_POOL__SHARDS", "1");
    Gateway::start(&mut command, folder)
}

fn an_exchange(stand: &Stand) {
    let door = stand.main().http;
    let person = Keys::for_jwt(door, &token::token("tenant_1")).person(door);
    let tenants = "select distinct tenant from note";
    assert_eq!(person.execute(tenants).rows(), serde_json::json!([["tenant_1"]]));
    // A tenant like any other: nothing that it sends makes it another one.
    person.execute("set app.current_tenant = 'tenant_2'").fails_with("42501");
    let write = "insert into written values ('tenant_2', 'by another')";
    person.execute(write).fails_with("42501");
    person.again().via("admin").execute("select 1").fails("AccessDeniedException", "");
    // Its transactions are its own, and go on with fresh credentials for the same token.
    let begun = person.begin();
    let again = Keys::for_jwt(door, &token::token("tenant_1")).person(door);
    assert_eq!(again.transaction(&begun.id).sql(tenants).run().word(), "tenant_1");
    let other = Keys::for_jwt(door, &token::token("tenant_2")).person(door);
    let answer = other.transaction(&begun.id).sql(tenants).run();
    answer.fails("TransactionNotFoundException", "");
    assert_eq!(other.execute(tenants).word(), "tenant_2");
}

fn the_answer(stand: &Stand) {
    let door = stand.main().http;
    let mut claims = token::claims("tenant_1");
    claims["sub"] = "</Subject>&<Arn>".into();
    claims["iss"] = "https://issuer.example/\u{1}<x>".into();
    let answer = exchange(door, &token::signed(&claims)).ok();
    let xml = answer.text();
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(element(&xml, "RequestId").as_deref(), answer.header("x-amzn-requestid"));
    let arn = "arn:aws:sts::123456789012:assumed-role/tenant/me@work";
    assert_eq!(element(&xml, "Arn").as_deref(), Some(arn));
    assert!(element(&xml, "AssumedRoleId").unwrap().ends_with(":me@work"));
    let subject = "&lt;/Subject&gt;&amp;&lt;Arn&gt;";
    assert_eq!(element(&xml, "SubjectFromWebIdentityToken").as_deref(), Some(subject));
    let issuer = "https://issuer.example/\u{fffd}&lt;x&gt;";
    assert_eq!(element(&xml, "Provider").as_deref(), Some(issuer));
    assert_eq!(element(&xml, "Audience").as_deref(), Some(token::AUDIENCE));
    // An hour from now, to the second or two.
    let end: jiff::Timestamp = element(&xml, "Expiration").unwrap().parse().unwrap();
    let left = end.as_second() - i64::try_from(token::now()).unwrap();
    assert!((3500..=3600).contains(&left), "{left}");
    let short = format!("{}&DurationSeconds=900", assume(&token::token("tenant_1")));
    let xml = send(door, &form(&short)).ok().text();
    let end: jiff::Timestamp = element(&xml, "Expiration").unwrap().parse().unwrap();
    assert!(end.as_second() <= i64::try_from(token::now()).unwrap() + 900);
}

fn a_role_claim_goes_along(stand: &Stand) {
    let door = stand.main().http;
    let mut claims = token::claims("tenant_1");
    claims["role"] = "it_reader".into();
    let person = Keys::for_jwt(door, &token::signed(&claims)).person(door);
    person.execute("select 1").fails("AccessDeniedException", "may not use this secret");
    assert_eq!(person.again().via("reader").execute("select current_user").word(), "it_reader");
}

fn who_am_i(stand: &Stand) {
    use crate::gateway::{APP_KEY, KEY_SECRET};
    let door = stand.main().http;
    let keys = Keys::for_jwt(door, &token::token("tenant_1"));
    let xml = keys.who_am_i(door).ok().text();
    let arn = "arn:aws:sts::123456789012:assumed-role/tenant/me@work";
    assert_eq!(element(&xml, "Arn").as_deref(), Some(arn));
    assert_eq!(element(&xml, "Account").as_deref(), Some("123456789012"));
    assert!(element(&xml, "UserId").unwrap().ends_with(":me@work"), "{xml}");

    let mut signer = Signer::new(APP_KEY, KEY_SECRET);
    signer.service = "sts".to_owned();
    let call = form("Action=GetCallerIdentity&Version=2011-06-15");
    let xml = send(door, &signer.sign(&call, door)).ok().text();
    let arn = format!("arn:aws:iam::000000000000:user/{APP_KEY}");
    assert_eq!(element(&xml, "Arn"), Some(arn));

    fails(&send(door, &call), 403, "MissingAuthenticationToken");
    for header in ["Bearer x", "", "AWS4-HMAC-SHA256 x", "Basic eA=="] {
        let call = call.clone().header("Authorization", header);
        fails(&send(door, &call), 400, "IncompleteSignature");
    }
    let bearer = format!("Bearer {}", token::token("tenant_1"));
    let call_with_jwt = call.clone().header("Authorization", bearer);
    fails(&send(door, &call_with_jwt), 400, "IncompleteSignature");
    // A signature is for one service: neither can be carried to the other.
    signer.service = "rds-data".to_owned();
    fails(&send(door, &signer.sign(&call, door)), 403, "SignatureDoesNotMatch");
    let mut signer = keys.signer();
    signer.service = "sts".to_owned();
    let person = keys.person(door);
    let request = Request::post("/Execute", &person.body(serde_json::json!({"sql": "select 1"})));
    send(door, &signer.sign(&request, door)).fails("InvalidSignatureException", "");
    // Changed after signing.
    let mut changed = signer.sign(&call, door);
    changed.body.extend_from_slice(b"&");
    fails(&send(door, &changed), 403, "SignatureDoesNotMatch");
}

fn what_the_configuration_allows(stand: &Stand) {
    let jwt = token::token("tenant_1");
    let none = gateway(stand, |text| {
        let (before, after) = text.split_once("[[sts.key]]\n").unwrap();
        format!("{before}{}", after.split_once('\n').unwrap().1)
    });
    let told = fails(&exchange(none.http, &jwt), 403, "AccessDenied");
    assert!(told.contains("[[sts.key]]"), "{told}");
    fails(&exchange(none.http, "x"), 400, "InvalidIdentityToken");
    // Credentials of another gateway are none here.
    let keys = Keys::for_jwt(stand.main().http, &jwt);
    let answer = keys.person(none.http).execute("select 1");
    answer.fails("UnrecognizedClientException", "missing, invalid or expired");

    let narrow =
        gateway(stand, |text| format!("{text}[sts]\nroles = ['{ROLE}']\nduration_max = '30min'\n"));
    let door = narrow.http;
    assert_eq!(Keys::for_jwt(door, &jwt).person(door).execute("select 1").value(), 1);
    let other = assume(&jwt).replace("role/path/tenant", "role/path/other");
    fails(&send(door, &form(&other)), 403, "AccessDenied");
    let told = send(door, &form(&format!("{}&DurationSeconds=3600", assume(&jwt))));
    assert!(fails(&told, 400, "ValidationError").contains("MaxSessionDuration"));
    // Who has no good token does not learn which roles there are.
    let other = assume("x").replace("role/path/tenant", "role/path/other");
    fails(&send(door, &form(&other)), 400, "InvalidIdentityToken");
}

fn credentials_of_the_command_line(stand: &Stand) {
    let door = stand.main().http;
    let text = configuration(&stand.cluster().address);
    let person = Keys::minted(&text, &["--tenant", "tenant_3"]).person(door);
    assert_eq!(person.execute("select distinct tenant from note").word(), "tenant_3");
    let words = ["--tenant", "tenant_3", "--role", "it_reader", "--ttl", "12h"];
    let person = Keys::minted(&text, &words).person(door).via("reader");
    assert_eq!(person.execute("select current_user").word(), "it_reader");

    let folder = Folder::new("refused");
    let config = folder.write("rowhouse.toml", &text);
    let refused = |words: &[&str]| {
        let mut command = rowhouse();
        command.args(["token", "--aws", "--config"]).arg(&config).args(words);
        let output = process::run(&mut command);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["--tenant", "1", "--ttl", "13h"]).contains("at most 12h"));
    assert!(refused(&["--tenant", ""]).contains("--tenant"));
    folder.write("rowhouse.toml", &text.replace("[[sts.key]]\nsecret", "#"));
    assert!(refused(&["--tenant", "1"]).contains("[[sts.key]]"));
}
