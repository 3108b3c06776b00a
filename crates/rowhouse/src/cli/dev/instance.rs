//! What is special about one `rowhouse dev`: its configuration file and its words of welcome.

use std::fmt::Write as _;
use std::path::Path;

use toml_edit::Value;

use crate::app::Endpoints;
use crate::cli::{DATA_DIR, Dev, Failure};
use crate::cluster::{Cluster, DataDir, SUPERUSER, SUPERUSER_PASSWORD_FILE};
use crate::config::{DEV_ACCESS_KEYS, DEV_SECRET, Server, ServerAddress, escape_references};
use crate::demo;

/// The resource that callers name.
const RESOURCE_ARN: &str = "arn:aws:rds:us-east-1:000000000000:cluster:dev";
/// What the ARNs of secrets begin with.
const SECRET_ARN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:";
/// File with the key that tokens are signed with, in the data directory.
const TOKEN_KEY_FILE: &str = "jwt.key";
/// File with the key that temporary credentials are sealed with, in the data directory.
const SEALING_KEY_FILE: &str = "sts.key";
/// The password that a seed document prints for its users.
const SEED_PASSWORD: &str = "TestPW123!";
/// Each shard has connections of its own; beyond this they only fill the private cluster.
const SHARDS_MAX: usize = 4;

/// The configuration of this instance.
pub fn configuration(
    arguments: &Dev,
    directory: &DataDir,
    cluster: &Cluster,
) -> Result<String, Failure> {
    directory.secret(TOKEN_KEY_FILE)?;
    directory.secret(SEALING_KEY_FILE)?;
    let demo = demo::is_loaded(directory);
    let mut text = format!(
        "# Written by `rowhouse dev` at every start: what is changed here is lost.\n\
         # Its keys are public, so it listens on loopback only.\n\n\
         [http]\nlisten = {http}\n\n\
         [wire]\nlisten = {pg}\n{token_secret}\n[admin]\nlisten = {admin}\n\n\
         [pool]\nshards = {shards}\n\n\
         [jwt]\naudience = \"rowhouse\"\nissuer = \"rowhouse-dev\"\n\n\
         [[jwt.key]]\nkid = \"dev\"\nalgorithm = \"HS256\"\nsecret_file = {key}\n\n\
         [token]\nkid = \"dev\"\nsecret_file = {key}\n\n\
         [[sts.key]]\nsecret_file = {sealing_key}\n\n",
        http = quoted(&arguments.http.to_string()),
        pg = quoted(&arguments.pg.to_string()),
        token_secret = token_secret(demo),
        admin = quoted(&arguments.admin.to_string()),
        shards = std::thread::available_parallelism().map_or(1, |n| n.get().min(SHARDS_MAX)),
        key = quoted(TOKEN_KEY_FILE),
        sealing_key = quoted(SEALING_KEY_FILE),
    );
    text.push_str(&server(&cluster.server())?);
    text.push_str(&resource(demo));
    text.push_str(&secrets(demo));
    text.push_str(&users(demo));
    // The cluster is there whenever the gateway is: nothing to keep in a file.
    let _ = write!(
        text,
        "[registry]\nsecret = {}\ndatabase = {}\n\n\
         [usage]\njournal_dir = \"usage\"\nfold_interval = \"2s\"\n\n",
        quoted(&format!("{SECRET_ARN}admin")),
        quoted(demo::REGISTRY_DATABASE),
    );
    for (id, principal) in DEV_ACCESS_KEYS.into_iter().zip(["app", "admin"]) {
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "[[access_key]]\nid = {}\nsecret = {}\nprincipal = {}\n\n",
            quoted(id),
            quoted(DEV_SECRET),
            quoted(principal)
        );
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}

/// What to try first, as lines that can be pasted.
pub fn invitation(
    program: &Path,
    directory: &Path,
    endpoints: &Endpoints,
    with_demo: bool,
) -> String {
    let http = endpoints.http;
    let folder = if directory == Path::new(DATA_DIR) {
        String::new()
    } else {
        format!(" --data-dir '{}'", directory.display())
    };
    let secret = format!("{SECRET_ARN}{}", if with_demo { "app_user" } else { "admin" });
    let sql = if with_demo { "select * from tenant" } else { "select current_user" };
    let token = format!(
        "As tenant 1, with a token:\n\n\
         \x20 TOKEN=$('{program}' token{folder} --tenant 1)\n\
         \x20 curl -s http://{http}/Execute -H \"Authorization: Bearer $TOKEN\" \\\n\
         \x20   -H 'Content-Type: application/json' -d '{{\"database\": \"postgres\",\n\
         \x20   \"resourceArn\": \"{RESOURCE_ARN}\",\n\
         \x20   \"secretArn\": \"{secret}\",\n\
         \x20   \"sql\": \"{sql}\"}}'\n\n",
        program = program.display(),
    );
    let (who, key) =
        if with_demo { ("an application", 0) } else { ("an operator (there is no demo data)", 1) };
    let key = DEV_ACCESS_KEYS.get(key).copied().unwrap_or_default();
    let mut text = String::from("Rowhouse is up. Try it in another terminal.\n\n");
    if with_demo {
        text.push_str(&token);
    }
    let _ = write!(
        text,
        "As {who}, with the AWS SDK for Python:\n\n\
         \x20 import boto3\n\
         \x20 rds = boto3.client('rds-data', endpoint_url='http://{http}',\n\
         \x20   region_name='us-east-1',\n\
         \x20   aws_access_key_id='{key}', aws_secret_access_key='{DEV_SECRET}')\n\
         \x20 target = dict(resourceArn='{RESOURCE_ARN}', database='postgres',\n\
         \x20   secretArn='{secret}')\n",
    );
    if with_demo {
        text.push_str(
            "\x20 tx = rds.begin_transaction(**target)['transactionId']\n\
             \x20 rds.execute_statement(**target, transactionId=tx,\n\
             \x20   sql='set app.current_tenant = 2')\n\
             \x20 print(rds.execute_statement(**target, transactionId=tx,\n\
             \x20   sql='select * from tenant')['records'])\n",
        );
    } else {
        let _ = writeln!(text, "  print(rds.execute_statement(**target, sql='{sql}')['records'])");
    }
    if let Some(pg) = endpoints.pg.filter(|_| with_demo) {
        let (host, port) = (pg.ip(), pg.port());
        let _ = write!(
            text,
            "\nAs tenant 1, with psql (password TestPW123!):\n\n\
             \x20 psql 'host={host} port={port} user=t1 dbname=rls_vip' \\\n\
             \x20   -c 'select * from sh_vip.t_user'\n",
        );
    }
    text.push_str("\nCtrl-C stops everything.\n\n");
    text
}

fn server(server: &Server) -> Result<String, Failure> {
    let ServerAddress::Unix { directory, port } = &server.address else {
        return Err(Failure::new("the private cluster has no unix socket: please report this"));
    };
    let folder = directory.to_str().ok_or_else(|| {
        let name = directory.display();
        Failure::new(format!("{name} is not UTF-8: choose another folder with --data-dir DIR"))
    })?;
    let (name, host) = (quoted(&server.name), quoted(folder));
    Ok(format!("[[server]]\nname = {name}\nhost = {host}\nport = {port}\ntls = \"disable\"\n\n"))
}

fn resource(demo: bool) -> String {
    let mut text = format!(
        "[[resource]]\narn = {}\nserver = \"dev\"\ndefault_database = \"postgres\"\n\n",
        quoted(RESOURCE_ARN)
    );
    for (name, settings) in demo::DATABASES {
        // Without the demo data there is no other database yet.
        if demo || name == "postgres" {
            let settings: Value = settings.iter().copied().collect();
            let name = quoted(name);
            let _ = write!(
                text,
                "[[resource.database]]\nname = {name}\ntenant_settings = {settings}\n\n"
            );
        }
    }
    text
}

/// The secrets: name, role, password and who may use it.
fn secrets(demo: bool) -> String {
    let file = |name: &str| format!("password_file = {}", quoted(name));
    let mut secrets = Vec::new();
    if demo {
        let password = format!("password = {}", quoted("app_user"));
        secrets.push(("app_user", "app_user", password, "[\"tenant\", \"app\", \"admin\"]"));
        let password = file(demo::OWNER_PASSWORD_FILE);
        secrets.push(("owner", "owner", password, "[\"app\", \"admin\"]"));
        for name in ["t1", "t2"] {
            let password = format!("password = {}", quoted(SEED_PASSWORD));
            secrets.push((name, name, password, "[\"tenant\"]"));
        }
        let (name, password) = ("bypassrls_user", format!("password = {}", quoted(SEED_PASSWORD)));
        secrets.push((name, name, password, "[\"admin\"]"));
    }
    secrets.push(("admin", SUPERUSER, file(SUPERUSER_PASSWORD_FILE), "[\"admin\"]"));
    let mut text = String::new();
    for (name, role, password, principals) in secrets {
        let _ = write!(
            text,
            "[[secret]]\narn = {}\nrole = {}\n{password}\nprincipals = {principals}\n\n",
            quoted(&format!("{SECRET_ARN}{name}")),
            quoted(role),
        );
    }
    text
}

/// Whose rows somebody with a token sees through the PostgreSQL door, the token says; as which
/// role, this.
fn token_secret(demo: bool) -> String {
    if demo {
        format!("token_secret = {}\n", quoted(&format!("{SECRET_ARN}app_user")))
    } else {
        String::new()
    }
}

/// The users of the PostgreSQL door, as the seed documents have them.
fn users(demo: bool) -> String {
    let mut text = String::new();
    let users = [
        ("app_user", "app_user", "principal = \"app\""),
        ("t1", SEED_PASSWORD, "principal = \"tenant\"\ntenant = \"1\""),
        ("t2", SEED_PASSWORD, "principal = \"tenant\"\ntenant = \"2\""),
        ("bypassrls_user", SEED_PASSWORD, "principal = \"admin\""),
    ];
    for (name, password, principal) in users.into_iter().filter(|_| demo) {
        let (secret, password) = (quoted(&format!("{SECRET_ARN}{name}")), quoted(password));
        let name = quoted(name);
        let _ = write!(
            text,
            "[[user]]\nname = {name}\npassword = {password}\n{principal}\nsecret = {secret}\n\n"
        );
    }
    text
}

/// A TOML string, whatever is in it.
fn quoted(text: &str) -> String {
    Value::from(escape_references(text)).to_string()
}
