//! Pages that are no key set, and places where none is.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::key_server::{Key, KeyServer, Reply, answer, json_answer, set_of};
use super::{block, is_refused, is_tenant, serve};
use crate::case::{Case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "issuers::pages",
        &[
            ("what_is_no_key_set", what_is_no_key_set),
            ("what_is_one_all_the_same", what_is_one_all_the_same),
            ("places_inside_the_network", places_inside_the_network),
        ],
    )
}

/// A page, how it is served, and what the log says about it.
type Page = (&'static str, Reply, &'static str);

fn bad_pages(key: &Key) -> Vec<Page> {
    let good = set_of(&[key]);
    let raw = |status: &str, headers: &str| {
        Reply::Raw(answer(status, headers, good.to_string().as_bytes()))
    };
    let with = |member: &str, value: Value| {
        let mut set = good.clone();
        set["keys"][0][member] = value;
        Reply::Set(set)
    };
    let long = json!({"keys": [key.public()], "more": "x".repeat(70_000)});
    let cut = json_answer(&good);
    let cut = cut.get(..cut.len() - 10).unwrap().to_vec();
    let many: Vec<Value> = (0..65).map(|n| json!({"kty": "oct", "kid": n.to_string()})).collect();
    vec![
        ("silence", Reply::Silence, "not there within 5 s"),
        ("endless", Reply::Endless, "more than 65536 bytes"),
        ("headers", Reply::Headers, "not answered as HTTP should be"),
        ("long", Reply::Set(long), "more than 65536 bytes"),
        ("cut", Reply::Raw(cut), "not answered as HTTP should be"),
        ("garbage", Reply::Raw(vec![0xff; 100_000]), "not answered as HTTP should be"),
        ("closed", Reply::Raw(Vec::new()), "not answered as HTTP should be"),
        ("moved", raw("302 Found", "Location: /good\r\n"), "a redirect (302 Found)"),
        ("moved-for-good", raw("308 Permanent Redirect", "Location: /good\r\n"), "a redirect (308"),
        ("error", raw("500 Internal Server Error", ""), "answered with 500"),
        ("none", raw("204 No Content", ""), "answered with 204"),
        ("partial", raw("206 Partial Content", ""), "answered with 206"),
        ("zipped", raw("200 OK", "Content-Encoding: gzip\r\n"), "compressed"),
        ("page", Reply::Raw(answer("200 OK", "", b"<html>log in</html>")), "no key set"),
        ("list", Reply::Set(json!([key.public()])), "no key set"),
        ("many", Reply::Set(json!({"keys": many})), "has 65 keys"),
        ("twice", Reply::Set(json!({"keys": [key.public(), key.public()]})), "have the kid"),
        ("encryption", with("use", json!("enc")), "not for verifying"),
        ("algorithm", with("alg", json!("RS256")), "no algorithm that is allowed"),
        ("private", with("d", json!("AAAA")), "its private half"),
        ("secret", with("kty", json!("oct")), "a shared secret is never"),
    ]
}

fn what_is_no_key_set(stand: &Stand) {
    let server = KeyServer::start();
    let key = Key::new("k");
    let mut blocks = String::new();
    let pages = bad_pages(&key);
    for (name, reply, _) in &pages {
        server.set(&format!("/{name}"), reply.clone());
        // Writing to a String does not fail.
        let _ = write!(blocks, "{}", block(name, &format!("http://{}/{name}", server.address), ""));
    }
    server.set("/good", Reply::Set(set_of(&[&key])));
    let gateway = serve(stand, &blocks);
    for (name, ..) in &pages {
        is_refused(&gateway, &key.token(name, "tenant_1"));
    }
    is_tenant(&gateway, &crate::token::token("tenant_1"), "tenant_1");
    assert_eq!(server.asked("/good"), 0);
    let log = gateway.process.log();
    for (name, _, reason) in &pages {
        let issuer = format!("issuer=\"{name}\"");
        let said = log.lines().any(|line| line.contains(&issuer) && line.contains(reason));
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&issuer)).collect();
        assert!(said, "{name}: not {reason:?}, but {lines:#?}");
    }
}

fn what_is_one_all_the_same(stand: &Stand) {
    let server = KeyServer::start();
    let key = Key::new("k");
    let good = set_of(&[&key]).to_string();
    let mut unnamed = set_of(&[&key]);
    unnamed["keys"][0].as_object_mut().unwrap().remove("kid");
    let others = json!({"keys": [
        {"kty": "EC", "crv": "secp256k1"}, {"kty": "new"}, {"kty": "RSA", "use": "enc"}, {},
        key.public(),
    ]});
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{good}\r\n0\r\n\r\n",
        good.len()
    );
    let until_the_end = format!("HTTP/1.0 200 OK\r\n\r\n{good}");
    let as_text = |kind: &str| {
        Reply::Raw(answer("200 OK", &format!("Content-Type: {kind}\r\n"), good.as_bytes()))
    };
    let pages = [
        ("text", as_text("text/plain")),
        ("octets", as_text("application/octet-stream")),
        ("jwk-set", as_text("application/jwk-set+json")),
        ("chunked", Reply::Raw(chunked.into_bytes())),
        ("until-the-end", Reply::Raw(until_the_end.into_bytes())),
        ("others", Reply::Set(others)),
        ("unnamed", Reply::Set(unnamed)),
    ];
    let mut blocks = String::new();
    for (name, reply) in &pages {
        server.set(&format!("/{name}"), reply.clone());
        let _ = write!(blocks, "{}", block(name, &format!("http://{}/{name}", server.address), ""));
    }
    let gateway = serve(stand, &blocks);
    for (name, _) in &pages {
        let mut claims = crate::token::claims("tenant_1");
        claims["iss"] = json!(name);
        let header = match *name {
            "unnamed" => json!({"alg": "EdDSA"}),
            _ => json!({"alg": "EdDSA", "kid": "k"}),
        };
        is_tenant(&gateway, &key.sign_as(&header, &claims), "tenant_1");
    }
}

/// What a name resolves to is not the operator's to choose; nothing inside is asked unless it is
/// meant, and nothing that hands out credentials ever.
fn places_inside_the_network(stand: &Stand) {
    let server = KeyServer::start();
    let port = server.address.port();
    let inside = |host: &str| format!("https://{host}:{port}/");
    let places = [
        ("loopback", inside("127.0.0.1"), false, "inside the network"),
        ("name", inside("localhost"), false, "inside the network"),
        ("v6", inside("[::1]"), false, "inside the network"),
        ("mapped", inside("[::ffff:127.0.0.1]"), false, "inside the network"),
        ("nat64", inside("[64:ff9b::7f00:1]"), false, "inside the network"),
        ("private", inside("10.0.0.1"), false, "inside the network"),
        ("short", inside("127.1"), false, "inside the network"),
        ("number", inside("2130706433"), false, "inside the network"),
        ("metadata", inside("169.254.169.254"), true, "never asked"),
        ("metadata-v6", inside("[fd00:ec2::254]"), true, "never asked"),
        ("metadata-mapped", inside("[::ffff:169.254.169.254]"), true, "never asked"),
        ("any", inside("0.0.0.0"), true, "never asked"),
    ];
    let mut blocks = String::new();
    for (name, url, allowed, _) in &places {
        let text = block(name, url, "");
        blocks += &text.replace("private = true", &format!("private = {allowed}"));
    }
    let gateway = serve(stand, &blocks);
    let log = gateway.process.log();
    for (name, _, _, reason) in &places {
        let issuer = format!("issuer=\"{name}\"");
        let said = log.lines().any(|line| line.contains(&issuer) && line.contains(reason));
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&issuer)).collect();
        assert!(said, "{name}: not {reason:?}, but {lines:#?}");
        is_refused(&gateway, &Key::new("k").token(name, "tenant_1"));
    }
}
