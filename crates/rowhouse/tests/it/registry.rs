//! The tenants' registry: what is said about a tenant holds at every gateway at once, and nobody
//! gets around it.

mod commands;
pub mod ground;
mod hostile;
mod outage;

use rowhouse_protocol::frontend;

use crate::case::{Case, suite};
use crate::client::{Client as Http, Request};
use crate::gateway::KEY_SECRET;
use crate::person::{Credential, Person};
use crate::stand::Stand;
use crate::sts::{Keys, exchange};
use crate::token;
use crate::wait;
use crate::wire::client::Client;
use ground::{Roll, SOON, crowd, wait_refused, wait_served};

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "registry",
        &[
            ("changes_hold_at_every_gateway", changes_hold_at_every_gateway),
            ("limits_hold_at_every_gateway", limits_hold_at_every_gateway),
            ("only_who_is_registered", only_who_is_registered),
            ("sessions_end_with_a_suspension", sessions_end_with_a_suspension),
            ("temporary_credentials_end_as_well", temporary_credentials_end_as_well),
            ("what_is_open_can_be_undone_only", what_is_open_can_be_undone_only),
        ],
    );
    cases.extend(commands::cases());
    cases.extend(outage::cases());
    cases.extend(hostile::cases());
    cases
}

const UNPAID: &str = "This tenant is suspended: invoice 7 is unpaid";

fn changes_hold_at_every_gateway(stand: &Stand) {
    let roll = Roll::new(stand, "roll_everywhere");
    let gateways = [roll.gateway(""), roll.gateway("")];
    let crowds = gateways.each_ref().map(|gateway| crowd(gateway, "tenant_1"));
    let others = gateways.each_ref().map(|gateway| crowd(gateway, "tenant_2"));
    crowds.iter().for_each(|crowd| wait_served(crowd));
    roll.done(&["add", "tenant_1"]);
    for _ in 0..3 {
        roll.done(&["suspend", "tenant_1", "--reason", "invoice 7 is unpaid"]);
        crowds.iter().for_each(|crowd| wait_refused(crowd, UNPAID));
        others.iter().flatten().for_each(|other| drop(other.execute("select 1").ok()));
        roll.done(&["resume", "tenant_1"]);
        crowds.iter().for_each(|crowd| wait_served(crowd));
    }
    // By hand is as good as by command, and so is a row that goes.
    roll.direct().query("update rowhouse.tenant set state = 'suspended'");
    let sentence = "This tenant is suspended: no reason is given";
    crowds.iter().for_each(|crowd| wait_refused(crowd, sentence));
    roll.direct().query("truncate rowhouse.tenant");
    crowds.iter().for_each(|crowd| wait_served(crowd));
    assert_eq!(gateways[0].metric("rowhouse_registry_up", ""), 1.0);
    assert!(gateways[1].metric("rowhouse_requests_total", "tenant_refused") > 0.0);
}

fn limits_hold_at_every_gateway(stand: &Stand) {
    let roll = Roll::new(stand, "roll_limits_everywhere");
    let gateways = [roll.gateway(""), roll.gateway("")];
    let all = |tenant: &str| -> Vec<Person> {
        gateways.iter().flat_map(|gateway| crowd(gateway, tenant)).collect()
    };
    let (one, others) = (all("tenant_1"), all("tenant_2"));
    let large = "select repeat('x', 5000)";
    let wait = |what: &str, status: u16| {
        wait::until_true(what, SOON, || {
            one.iter().all(|person| person.execute(large).status == status)
        });
    };
    wait("no limit", 200);
    roll.done(&["add", "tenant_1", "result_bytes_max=1KiB"]);
    wait("a limit", 400);
    others.iter().for_each(|other| drop(other.execute(large).ok()));
    roll.done(&["set", "tenant_1", "result_bytes_max=2KiB", "burst=1000"]);
    wait("another limit", 400);
    roll.done(&["set", "tenant_1", "result_bytes_max="]);
    wait("no limit any more", 200);
    roll.done(&["set", "tenant_1", "requests_per_second=1", "burst=1"]);
    wait::until_true("too many requests", SOON, || {
        one.iter().any(|person| person.execute("select 1").exception() == "ThrottlingException")
    });
    others.iter().for_each(|other| drop(other.execute("select 1").ok()));
    roll.done(&["set", "tenant_1", "requests_per_second=", "burst="]);
    wait_served(&one);
}

fn only_who_is_registered(stand: &Stand) {
    let roll = Roll::new(stand, "roll_closed");
    let gateway = roll.gateway("open = false");
    let one = crowd(&gateway, "tenant_1");
    let unknown = "This tenant is not registered here.";
    wait_refused(&one, unknown);
    // Who is no tenant needs no record.
    gateway.app().execute("select 1").ok();
    gateway.admin().execute("select 1").ok();
    let refused = Client::begin(&gateway, &[("user", "one"), ("database", "it")], "");
    assert_eq!(refused.err().unwrap().code.as_str(), "28P01", "who proves nothing learns nothing");
    roll.done(&["add", "tenant_1"]);
    wait_served(&one);
    let mut client = Client::login(&gateway, "one", "it");
    assert_eq!(client.ask("select count(*) from note").shown(), "3");
    wait_refused(&crowd(&gateway, "tenant_2"), unknown);
    // An id is compared byte by byte.
    wait_refused(&crowd(&gateway, "Tenant_1"), unknown);
    wait_refused(&crowd(&gateway, "tenant_1 "), unknown);
    roll.direct().query("delete from rowhouse.tenant");
    wait_refused(&one, unknown);
    assert_eq!(client.ask("select 1").shown(), format!("28000 {unknown}"));
    assert!(client.is_closed());
}

fn sessions_end_with_a_suspension(stand: &Stand) {
    let roll = Roll::new(stand, "roll_sessions");
    let gateway = roll.gateway("");
    let one = crowd(&gateway, "tenant_1");
    roll.done(&["add", "tenant_1"]);
    let login = || Client::login(&gateway, "one", "it");
    let [mut idle, mut pinned, mut prepared, mut working, mut chained] =
        [login(), login(), login(), login(), login()];
    assert_eq!(pinned.ask("create temp table mine (id int)").error, None);
    prepared.send(|buf| {
        frontend::parse(buf, "p", "select 1", &[]).unwrap();
        frontend::sync(buf);
    });
    prepared.reply();
    let insert = "insert into written values ('tenant_1', 'roll_sessions')";
    for client in [&mut working, &mut chained] {
        assert_eq!(client.ask("begin").error, None);
        assert_eq!(client.ask(insert).error, None);
    }
    let mut other = Client::login(&gateway, "two", "it");
    roll.done(&["suspend", "tenant_1", "--reason", "invoice 7 is unpaid"]);
    wait_refused(&one, UNPAID);
    let told = format!("28000 {UNPAID}");
    for (client, sql) in [
        (&mut idle, "select 1"),
        (&mut pinned, "select 1"),
        (&mut working, "commit"),
        (&mut chained, "commit and chain"),
    ] {
        assert_eq!(client.ask(sql).shown(), told);
        assert!(client.is_closed());
    }
    let sql = "select count(*) from written where mark = 'roll_sessions'";
    assert_eq!(stand.cluster().address.connect("it").value(sql), "0");
    prepared.send(|buf| {
        frontend::bind(buf, "", "p", &[]).unwrap();
        frontend::execute(buf, "", 0).unwrap();
        frontend::sync(buf);
    });
    assert_eq!(prepared.reply().shown(), told);
    let again = Client::begin(&gateway, &[("user", "one"), ("database", "it")], KEY_SECRET);
    assert_eq!(again.err().unwrap().message, UNPAID);
    assert_eq!(other.ask("select count(*) from note").shown(), "3");
    roll.done(&["resume", "tenant_1"]);
    wait_served(&one);
    assert_eq!(login().ask("select count(*) from note").shown(), "3");
}

fn temporary_credentials_end_as_well(stand: &Stand) {
    let roll = Roll::new(stand, "roll_sts");
    let gateway = roll.gateway("");
    let jwt = token::token("tenant_1");
    let keys = Keys::for_jwt(gateway.http, &jwt);
    let mut person = gateway.tenant("tenant_1");
    person.credential = Credential::Aws(Box::new(keys.signer()));
    assert_eq!(person.execute("select 1").value(), 1);
    roll.done(&["add", "tenant_1"]);
    roll.done(&["suspend", "tenant_1", "--reason", "invoice 7 is unpaid"]);
    wait_refused(std::slice::from_ref(&person), UNPAID);
    let answer = exchange(gateway.http, &jwt);
    assert_eq!(answer.status, 403);
    let text = answer.text();
    assert!(text.contains("<Code>AccessDenied</Code>") && text.contains(UNPAID), "{text}");
    // A broken token is told nothing of the tenant that it names.
    let mut broken = jwt.clone();
    broken.pop();
    let text = exchange(gateway.http, &broken).text();
    assert!(!text.contains("suspended"), "{text}");
    let request = Request::post("/Execute", &person.body(serde_json::json!({"sql": "select 1"})));
    let request = request.header("authorization", format!("Bearer {broken}"));
    let answer = Http::connect(gateway.http).ask(&request).unwrap();
    assert!(!answer.message().contains("suspended"), "{}", answer.message());
    roll.done(&["resume", "tenant_1"]);
    wait_served(std::slice::from_ref(&person));
    exchange(gateway.http, &jwt).ok();
}

fn what_is_open_can_be_undone_only(stand: &Stand) {
    let roll = Roll::new(stand, "roll_open");
    let gateway = roll.gateway("");
    roll.done(&["add", "tenant_1"]);
    let person = gateway.tenant("tenant_1");
    let (kept, undone) = (person.begin(), person.begin());
    let insert = "insert into written values ('tenant_1', 'roll_open')";
    kept.execute(insert).ok();
    undone.execute(insert).ok();
    roll.done(&["suspend", "tenant_1", "--reason", "invoice 7 is unpaid"]);
    wait_refused(std::slice::from_ref(&person), UNPAID);
    assert_eq!(kept.execute(insert).message(), UNPAID);
    assert_eq!(kept.commit().message(), UNPAID);
    undone.rollback().ok();
    kept.rollback().ok();
    let sql = "select count(*) from written where mark = 'roll_open'";
    assert_eq!(stand.cluster().address.connect("it").value(sql), "0");
}
