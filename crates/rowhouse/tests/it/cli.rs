//! The commands around a gateway: tokens, the start-up gate, and what is told when a start fails.

use std::net::TcpListener;
use std::process::Output;

use serde_json::json;

use crate::case::{Case, case, suite};
use crate::folder::Folder;
use crate::gateway::{Gateway, configuration};
use crate::person::{Credential, Person, secret};
use crate::process::{self, rowhouse};
use crate::stand::Stand;
use crate::token::{AUDIENCE, KEY, KEY_ID};

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "cli",
        &[
            ("a_token_of_a_configuration", a_token_of_a_configuration),
            ("a_token_of_dev", a_token_of_dev),
            ("no_token_without_a_key", no_token_without_a_key),
            ("dev_says_where_it_is", dev_says_where_it_is),
            ("a_busy_port", a_busy_port),
            ("a_wrong_password", a_wrong_password),
            ("the_gate_can_be_told", the_gate_can_be_told),
        ],
    );
    cases.extend(GATE.iter().map(|&(name, make, code)| {
        case(format!("cli::gate::{name}"), move |stand| gate_refuses(stand, name, make, code))
    }));
    cases
}

/// A configuration with something in it changed or added, started; it must not come up.
fn refused_start(stand: &Stand, change: impl FnOnce(String) -> String) -> Output {
    let folder = Folder::new("refused");
    let text = change(configuration(&stand.cluster().address));
    let config = folder.write("rowhouse.toml", &text);
    let output = process::run(rowhouse().arg("serve").arg("--config").arg(config));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    output
}

/// What was said, without the log: one line.
fn told(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let mut lines = errors.lines().filter(|line| line.starts_with("rowhouse: "));
    let line = lines.next().unwrap_or_else(|| panic!("nothing is said: {errors}"));
    assert_eq!(lines.next(), None, "{errors}");
    line.to_owned()
}

fn a_token_of_a_configuration(stand: &Stand) {
    let folder = Folder::new("token");
    let text = configuration(&stand.cluster().address);
    let key = format!("[token]\nkid = '{KEY_ID}'\nsecret = '{KEY}'\naudience = '{AUDIENCE}'\n");
    let config = folder.write("rowhouse.toml", &(text + &key));
    let mint = |words: &[&str]| {
        let mut command = rowhouse();
        command.arg("token").arg("--config").arg(&config).args(words);
        let output = process::run(&mut command);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.trim_end_matches('\n').len() + 1, text.len(), "one line and no more");
        text.trim_end().to_owned()
    };
    let with = |token: String| Person::new(stand.main().http, Credential::Bearer(token));
    let person = with(mint(&["--tenant", "tenant_4"]));
    assert_eq!(person.execute("select distinct tenant from note").value(), "tenant_4");
    let reader = with(mint(&["--tenant", "tenant_4", "--role", "it_reader", "--ttl", "1min"]));
    assert_eq!(reader.execute("select 1").status, 403);
    assert_eq!(reader.again().via("reader").execute("select current_user").value(), "it_reader");
}

fn a_token_of_dev(stand: &Stand) {
    let dev = stand.dev();
    let mut command = rowhouse();
    command.arg("token").arg("--data-dir").arg(dev.directory.path()).args(["--tenant", "2"]);
    let output = process::run(&mut command);
    let token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let person = Person::new(dev.gateway.http, Credential::Bearer(token))
        .naming("resourceArn", "arn:aws:rds:us-east-1:000000000000:cluster:dev");
    // What took four requests in the document takes one here.
    let rows = person.execute("select tenant_name from tenant").rows();
    assert_eq!(rows, json!([["Tenant2"]]));
    assert_eq!(person.again().via("owner").execute("select 1").status, 403);
    assert_eq!(person.again().via("admin").execute("select 1").status, 403);
}

fn no_token_without_a_key(stand: &Stand) {
    let folder = Folder::new("no_token");
    let config = folder.write("rowhouse.toml", &configuration(&stand.cluster().address));
    let mut command = rowhouse();
    command.arg("token").arg("--config").arg(config).args(["--tenant", "1"]);
    let output = process::run(&mut command);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(told(&output).contains("[token]"), "{}", told(&output));
    let output =
        process::run(rowhouse().args(["token", "--tenant", "1"]).current_dir(folder.path()));
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("rowhouse dev"), "{}", told(&output));
}

fn dev_says_where_it_is(stand: &Stand) {
    let dev = stand.dev();
    let text = std::fs::read_to_string(dev.directory.file("endpoints.json")).unwrap();
    let endpoints: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (http, admin) = (dev.gateway.http, dev.gateway.admin);
    let pg = dev.gateway.pg.unwrap().to_string();
    assert_eq!(
        endpoints,
        json!({"http": format!("http://{http}"), "pg": pg, "admin": format!("http://{admin}")})
    );
    let printed = dev.gateway.process.printed();
    let last = printed.lines().last().unwrap();
    assert!(last.starts_with(&format!("ready http=http://{http} pg={pg} ")), "{printed}");
    assert!(printed.contains("curl") && printed.contains("boto3"), "{printed}");
    // What is printed is copied to tickets and terminals: no key of this instance is in it.
    let key = std::fs::read_to_string(dev.directory.file("jwt.key")).unwrap();
    assert!(!printed.contains(key.trim()));
    assert!(!dev.gateway.process.log().contains(key.trim()));
}

fn a_busy_port(stand: &Stand) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for section in ["http", "wire", "admin"] {
        let from = format!("[{section}]\nlisten = '127.0.0.1:0'");
        let to = format!("[{section}]\nlisten = '{address}'");
        let output = refused_start(stand, |text| text.replace(&from, &to));
        let line = told(&output);
        assert!(line.contains(&address.to_string()), "{line}");
        assert!(line.contains(&format!("{section}.listen")), "{line}");
    }
    let folder = Folder::new("busy");
    let mut command = rowhouse();
    command.arg("dev").arg("--data-dir").arg(folder.path());
    command.args(["--http", &address.to_string(), "--pg", "127.0.0.1:0"]);
    command.args(["--admin", "127.0.0.1:0"]);
    let output = process::run(&mut command);
    assert_eq!(output.status.code(), Some(1));
    let line = told(&output);
    assert!(line.contains(&address.to_string()) && line.contains("--http"), "{line}");
}

fn a_wrong_password(stand: &Stand) {
    let output =
        refused_start(stand, |text| text.replace("password = 'it_app'", "password = 'wrong'"));
    let line = told(&output);
    assert!(line.contains("it_app") && line.contains("28P01"), "{line}");
    assert!(!line.contains("wrong"), "{line}");
}

/// Roles that must not serve tenants: how they are made, and the finding.
const GATE: &[(&str, &str, &str)] = &[
    ("superuser", "superuser", "RH001"),
    ("bypassrls", "bypassrls", "RH002"),
    ("replication", "replication", "RH003"),
    ("createrole", "createrole", "RH004"),
    ("member_of_the_owner", "in role it_owner", "RH015"),
    ("reads_files", "in role pg_read_server_files", "RH016"),
];

fn with_role(text: String, name: &str) -> String {
    let arn = secret("gate");
    text + &format!(
        "[[secret]]\narn = '{arn}'\nrole = '{name}'\npassword = 'gate'\nprincipals = ['tenant']\n"
    )
}

fn gate_refuses(stand: &Stand, name: &str, make: &str, code: &str) {
    let role = format!("it_gate_{name}");
    let sql = format!("create role {role} login password 'gate' {make}");
    stand.cluster().address.query("it", &sql);
    let output = refused_start(stand, |text| with_role(text, &role));
    let line = told(&output);
    assert!(line.contains(code) && line.contains(&role), "{line}");
    assert!(line.contains("gate.accept"), "{line}");
    // Nothing is wrong with it for those whom policies need not hold.
    let folder = Folder::new("gate");
    let text = with_role(configuration(&stand.cluster().address), &role);
    let text = text.replace("principals = ['tenant']", "principals = ['app']");
    let config = folder.write("rowhouse.toml", &text);
    let mut gateway = Gateway::start(rowhouse().arg("serve").arg("--config").arg(config), folder);
    assert!(gateway.process.stop().success());
}

/// The owner of the tables, once more: refused, and started when the finding is accepted.
fn the_gate_can_be_told(stand: &Stand) {
    let owner = |text: String| {
        let arn = secret("owner_for_tenants");
        text + &format!(
            "[[secret]]\narn = '{arn}'\nrole = 'it_owner'\npassword = 'it_owner'\n\
             principals = ['tenant']\n"
        )
    };
    let line = told(&refused_start(stand, owner));
    assert!(line.contains("RH005") && line.contains("note"), "{line}");
    let wrong = |text| owner(text) + "[gate]\naccept = ['RH001']\n";
    assert!(told(&refused_start(stand, wrong)).contains("RH005"));
    let folder = Folder::new("accepted");
    let text = owner(configuration(&stand.cluster().address)) + "[gate]\naccept = ['RH005']\n";
    let config = folder.write("rowhouse.toml", &text);
    let mut gateway = Gateway::start(rowhouse().arg("serve").arg("--config").arg(config), folder);
    let person = gateway.tenant("tenant_1").via("owner_for_tenants");
    assert_eq!(person.execute("select count(*) from note").value(), 3);
    assert!(gateway.process.stop().success());
}
