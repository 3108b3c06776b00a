//! What is refused, with nothing changed: exports that are not what they were, tables that are not
//! theirs, rows that are somebody else's.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use serde_json::Value;

use super::ground::{Ground, SHOP};
use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "life",
        &[
            ("an_export_that_is_not_what_it_was", a_changed_export),
            ("tables_that_are_not_the_same", other_tables),
            ("rows_that_are_there_already", rows_that_are_there),
            ("others_are_never_touched", others_are_never_touched),
            ("who_does_not_see_all_is_told_so", a_bound_role),
            ("triggers_that_change_rows_are_found", triggers),
            ("a_certificate_can_be_checked", a_certificate),
        ],
    )
}

/// An export of tenant 1, and the ground it was taken from, without that tenant.
fn exported(stand: &Stand, name: &str, sql: &str) -> (Ground, Folder, PathBuf) {
    let ground = Ground::new(stand, name, sql);
    let folder = Folder::new(name);
    let out = folder.file("out");
    ground.done(&["export", "--tenant", "1", "--out", out.to_str().unwrap()]);
    ground.done(&["erase", "--tenant", "1"]);
    (ground, folder, out)
}

/// A small database: items, and lines without a tenant column.
const SMALL: &str = "
    create table item (tenant_id int not null, id int primary key, word text);
    create table line (id int primary key, item int not null references item on delete cascade);
    insert into item values (1, 1, 'own'), (2, 2, 'other');
    insert into line values (11, 1), (12, 2)";

fn a_changed_export(stand: &Stand) {
    let (ground, folder, out) = exported(stand, "life_changed", SMALL);
    let at = out.to_str().unwrap();
    let all = "select md5(string_agg(t::text, ',')) from (select * from item, line) t";
    let mut direct = ground.direct();
    let before = direct.value(all);
    ground.refused(&["import", folder.path().to_str().unwrap()], "name a directory of an export");
    ground.refused(&["import", "/nonexistent"], "name a directory of an export");
    let file = out.join("0001-public_item.csv");
    let manifest = out.join("manifest.json");
    let (good, said) = (read(&file), read(&manifest));
    for (content, why) in [
        (good.replace("own", "OWN"), "its content is not what was exported"),
        (good.replace("own", "owner"), "is not the file of"),
        (String::new(), "is not the file of"),
    ] {
        std::fs::write(&file, content).unwrap();
        ground.refused(&["import", at], why);
    }
    std::fs::remove_file(&file).unwrap();
    ground.refused(&["import", at], "0001-public_item.csv");
    // Whoever changes the manifest as well gets no further than the tenant's own rows.
    for (content, why) in [
        ("tenant_id,id,word\n2,3,stolen\n", "rows that are not tenant 1's"),
        ("tenant_id,id,word\n,3,stolen\n", "rows that are not tenant 1's"),
        ("id,tenant_id,word\n1,3,swapped\n", "column name mismatch"),
        ("tenant_id,id,word\n1,2,taken\n", "Key (id)=(2) already exists"),
        ("tenant_id,id,word\n1,1,a\n1,1,b\n", "the manifest says 1"),
        ("tenant_id,id,word\n1,1\n", "missing data for column"),
    ] {
        forge(&out, "0001-public_item.csv", content);
        ground.refused(&["import", at], why);
        assert_eq!(direct.value(all), before, "{content}");
    }
    std::fs::write(&file, &good).unwrap();
    std::fs::write(&manifest, &said).unwrap();
    // A line of the tenant's file that belongs to another one's item.
    forge(&out, "0002-public_line.csv", "id,item\n13,2\n");
    ground.refused(&["import", at], "they lead to another tenant's");
    forge(&out, "0002-public_line.csv", "id,item\n13,99\n");
    ground.refused(&["import", at], "what the rows refer to is not there");
    for (from, to, why) in [
        ("\"version\": 1", "\"version\": 9", "version 9"),
        ("public.item", "public.item; drop table item", "there is no table public.item; drop"),
        ("0001-public_item.csv", "../out/0001-public_item.csv", "no name of a file"),
        ("\"tenant\": \"1\"", "\"tenant\": \"2\"", "rows that are not tenant 2's"),
    ] {
        std::fs::write(&manifest, said.replacen(from, to, 1)).unwrap();
        forge(&out, "0002-public_line.csv", "id,item\n11,1\n");
        ground.refused(&["import", at], why);
    }
    assert_eq!(direct.value(all), before);
    std::fs::write(&manifest, &said).unwrap();
    std::fs::write(out.join("0002-public_line.csv"), "id,item\n11,1\n").unwrap();
    ground.done(&["import", at]);
    assert_eq!(direct.value("select word from item where tenant_id = 1"), "own");
}

fn other_tables(stand: &Stand) {
    let (ground, _folder, out) = exported(stand, "life_tables", SMALL);
    let at = out.to_str().unwrap();
    let mut direct = ground.direct();
    for (change, back, why) in [
        (
            "alter table item alter word type varchar(9)",
            "alter table item alter word type text",
            "public.item.word: it is character varying(9) here and was text",
        ),
        (
            "alter table item rename word to wort",
            "alter table item rename wort to word",
            "public.item.word: there is no such column here",
        ),
        (
            "alter table line rename to row",
            "alter table row rename to line",
            "there is no table public.line with rows of tenants here",
        ),
        (
            "alter table item add must int not null",
            "alter table item drop must",
            "null value in column \"must\"",
        ),
        (
            "alter table item add check (word <> 'own') not valid",
            "alter table item drop constraint item_word_check",
            "violates check constraint",
        ),
    ] {
        direct.query("delete from item");
        direct.query(change);
        ground.refused(&["import", at], why);
        direct.query(back);
    }
    direct.query("alter table item add may int default 7");
    ground.done(&["import", at]);
    assert_eq!(direct.value("select may from item where tenant_id = 1"), "7");
}

fn rows_that_are_there(stand: &Stand) {
    let ground = Ground::new(stand, "life_there", SHOP);
    let folder = Folder::new("there");
    let out = folder.file("out");
    let at = out.to_str().unwrap();
    ground.done(&["export", "--tenant", "1", "--out", at]);
    ground.refused(&["export", "--tenant", "1", "--out", at], "is there already");
    ground.refused(&["export", "--tenant", "1", "--out", "/nonexistent/x"], "cannot make");
    let none = folder.file("none");
    ground.refused(&["export", "--tenant", "5", "--out", none.to_str().unwrap()], "has no rows");
    ground.refused(&["export", "--tenant", "x", "--out", none.to_str().unwrap()], "no tenant x");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no left-overs");
    let before = (ground.prints("1"), ground.prints("3"));
    ground.refused(&["import", at], "tenant 1 has 1 rows in public.tenants already");
    let why = ground.refused(&["import", at, "--as", "9"], "already exists");
    assert!(why.contains("--new-keys") && why.contains("Key ("), "{why}");
    assert_eq!((ground.prints("1"), ground.prints("3")), before);
    assert!(ground.prints("9").values().all(String::is_empty));
    ground.done(&["import", at, "--as", "9", "--new-keys"]);
    assert_eq!((ground.prints("1"), ground.prints("3")), before);
    // Shared rows are not exported: what refers to them needs them.
    ground.done(&["erase", "--tenant", "1"]);
    ground.done(&["erase", "--tenant", "9"]);
    let mut direct = ground.direct();
    direct.query("update item set code = null; delete from currency where code = 'EUR'");
    let why = ground.refused(&["import", at], "Key (code)=(EUR) is not present");
    assert!(why.contains("shared tables are not exported"), "{why}");
    assert!(ground.prints("1").values().all(String::is_empty));
}

fn others_are_never_touched(stand: &Stand) {
    let ground = Ground::new(
        stand,
        "life_others",
        "create table item (tenant_id int, id int primary key);
         create table link (tenant_id int, item int references item on delete cascade);
         create table joint (item int references item on delete cascade,
             other int references item on delete cascade);
         insert into item values (1, 1), (2, 2), (null, 3)",
    );
    let mut direct = ground.direct();
    let all = "select concat((select string_agg(t::text, ' ' order by t::text) from item t), \
               (select string_agg(t::text, ' ' order by t::text) from link t), \
               (select string_agg(t::text, ' ' order by t::text) from joint t))";
    for (insert, why) in [
        ("insert into link values (2, 1)", "rows in public.link that are not the tenant's refer"),
        ("insert into link values (null, 1)", "rows in public.link that are not the tenant's"),
        (
            "insert into joint values (1, 2)",
            "rows of the tenant's in public.joint refer to others'",
        ),
    ] {
        direct.query(insert);
        let before = direct.value(all);
        ground.refused(&["erase", "--tenant", "1", "--dry-run"], why);
        let said = ground.refused(&["erase", "--tenant", "1"], why);
        assert!(said.contains("nothing was erased"), "{said}");
        assert_eq!(direct.value(all), before);
        direct.query("delete from link; delete from joint");
    }
    direct.query("insert into link values (1, 1), (1, 2), (1, 3); insert into joint values (1, 3)");
    ground.done(&["erase", "--tenant", "1"]);
    assert_eq!(direct.value(all), "(,3) (2,2)");
}

fn a_bound_role(stand: &Stand) {
    let ground = Ground::new(
        stand,
        "life_bound",
        "create table item (tenant_id int, id int);
         alter table item enable row level security;
         create policy own on item using (true);
         insert into item values (1, 1);
         create role life_bound login password 'secret';
         grant all on item to life_bound",
    );
    let folder = Folder::new("bound");
    let out = folder.file("out");
    let at = out.to_str().unwrap();
    ground.done(&["export", "--tenant", "1", "--out", at]);
    let new = folder.file("new");
    for words in [
        &["export", "--tenant", "1", "--out", new.to_str().unwrap()][..],
        &["erase", "--tenant", "1"],
        &["import", at],
        &["copy", "--tenant", "1", "--as", "2"],
    ] {
        let output = ground.run_as("life_bound", words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(said.contains("a superuser, or one with BYPASSRLS"), "{words:?}: {said}");
    }
    let mut direct = ground.direct();
    assert_eq!(direct.value("select count(*) from item"), "1");
    direct.query("drop owned by life_bound; drop role life_bound");
}

fn triggers(stand: &Stand) {
    let (ground, _folder, out) = exported(
        stand,
        "life_triggers",
        &format!(
            "{SMALL};
            create function change() returns trigger language plpgsql as
                'begin new.word = ''changed''; return new; end';
            create function skip() returns trigger language plpgsql as 'begin return null; end'"
        ),
    );
    let mut direct = ground.direct();
    for (trigger, why) in [
        ("before insert on item for each row execute function change()", "are not as they came"),
        ("before insert on item for each row execute function skip()", "keeps rows from being"),
    ] {
        direct.query(&format!("create trigger t {trigger}"));
        ground.refused(&["import", out.to_str().unwrap()], why);
        direct.query("drop trigger t on item");
    }
    assert_eq!(direct.value("select count(*) from item where tenant_id = 1"), "0");
    direct.query("create trigger t before delete on item for each row execute function skip()");
    ground.refused(&["erase", "--tenant", "2"], "nothing was erased");
    assert_eq!(direct.value("select count(*) from line"), "1");
}

fn a_certificate(stand: &Stand) {
    let ground = Ground::new(stand, "life_certificate", SMALL);
    let folder = Folder::new("certificate");
    let file = folder.file("erased.json");
    let words = ["erase", "--tenant", "1", "--certificate", file.to_str().unwrap()];
    let printed = ground.done(&words);
    let mut certificate: Value = serde_json::from_str(&read(&file)).unwrap();
    let fields = certificate.as_object_mut().unwrap();
    let hash = fields.remove("sha256").unwrap().as_str().unwrap().to_owned();
    assert_eq!(sha256(&certificate.to_string()), hash);
    assert!(printed.contains(&hash), "{printed}");
    assert_eq!((&certificate["rows"], &certificate["left"]), (&2.into(), &0.into()));
    assert_eq!(certificate["tenant"], "1");
    assert!(certificate["out_of_reach"].to_string().contains("backups"));
    let id = certificate["transaction"].as_str().unwrap();
    let status = format!("select pg_xact_status('{id}'::xid8)");
    assert_eq!(ground.direct().value(&status), "committed");
    // A certificate is never overwritten, and there is none for what was not done.
    ground.refused(&words, "nothing was erased");
    let other = folder.file("other.json");
    let words = ["erase", "--tenant", "1", "--certificate", other.to_str().unwrap()];
    ground.refused(&words, "has no rows");
    assert!(!other.exists());
}

/// Writes a file, and makes the manifest say that it is so.
fn forge(out: &Path, name: &str, content: &str) {
    std::fs::write(out.join(name), content).unwrap();
    let mut manifest: Value = serde_json::from_str(&read(&out.join("manifest.json"))).unwrap();
    for table in manifest["tables"].as_array_mut().unwrap() {
        if table["file"] == name {
            table["bytes"] = content.len().into();
            table["sha256"] = sha256(content).into();
        }
    }
    std::fs::write(out.join("manifest.json"), manifest.to_string()).unwrap();
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn sha256(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
