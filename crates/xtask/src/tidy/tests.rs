//! Bad snippets and their neighbours that are good.

use std::path::Path;

use super::mask::code_only;
use super::{File, check, exceptions, lock, names};

/// The rules that one file breaks, in order; documents that are missing do not count.
fn rules(path: &str, text: &str) -> Vec<String> {
    let findings = check(&[File::new(path, text)]);
    let findings = findings.into_iter().filter(|finding| finding.message != MISSING);
    findings.map(|finding| format!("{}:{}", finding.rule, finding.line)).collect()
}

const MISSING: &str = "is missing; readers look for it at the root";

fn rust(path: &str, code: &str) -> Vec<String> {
    rules(path, &format!("//! One thought.\n{code}"))
}

#[test]
fn code_that_breaks_a_rule() {
    let cases: &[(&str, &str, &[&str])] = &[
        // The layer table.
        ("crates/rowhouse/src/http.rs", "use crate::pool::Pool;", &["layers:2"]),
        ("crates/rowhouse/src/http/execute.rs", "use crate::{error, upstream};", &["layers:2"]),
        ("crates/rowhouse/src/admin.rs", "\nfn f() { crate::http::x() }", &["layers:3"]),
        ("crates/rowhouse/src/net.rs", "use crate::{error::{A, B}, session};", &["layers:2"]),
        ("crates/rowhouse/src/error.rs", "use crate::config::Config;", &["layers:2"]),
        ("crates/rowhouse/src/identity.rs", "use crate::net;", &[]),
        ("crates/rowhouse/src/http.rs", "use crate::{error, http::execute, session};", &[]),
        (
            "crates/rowhouse/src/http.rs",
            "// not crate::pool\nconst A: &str = \"crate::pool\";",
            &[],
        ),
        ("crates/rowhouse/src/main.rs", "fn main() { rowhouse::cli::run() }", &[]),
        ("crates/rowhouse/src/attic.rs", "", &["layers:0"]),
        ("crates/rowhouse/src/http/a.rs", "use super::super::pool;", &["root-escape:2"]),
        // Words.
        ("crates/rowhouse/src/http.rs", "fn f() { tracing::info!(); }", &["events:2"]),
        ("crates/rowhouse/src/observe/log.rs", "fn f() { tracing::info!(); }", &[]),
        ("crates/rowhouse/src/app.rs", "fn f() { std::env::var(\"A\"); }", &["environment:2"]),
        ("crates/rowhouse/src/config/raw.rs", "fn f() { std::env::vars(); }", &[]),
        ("crates/rowhouse/src/app.rs", "fn f() { std::env::vars_of(); }", &[]),
        ("crates/tenancy/src/jwt.rs", "fn f() { Instant::now(); }", &["clock:2"]),
        ("crates/rowhouse/src/app.rs", "fn f() { Instant::now(); }", &[]),
        ("crates/rls/src/lib.rs", "use std::fs;", &["pure:2"]),
        ("crates/rls/tests/live.rs", "use std::process;", &[]),
        ("crates/rowhouse/src/app.rs", "fn f() { unbounded_channel(); }", &["unbounded:2"]),
        ("crates/rowhouse/src/app.rs", concat!("// TO", "DO: later"), &["unfinished:2"]),
        ("crates/rowhouse/src/app.rs", concat!("fn f() { to", "do!() }"), &["unfinished:2"]),
        ("crates/rowhouse/src/app.rs", "const MASTODON: u8 = 1;", &[]),
        // Tests.
        ("crates/rls/src/tests.rs", "fn f() { sleep(1) }", &["sleep:2"]),
        ("crates/rls/src/tests.rs", "// The server has no event for it.\nfn f() { sleep(1) }", &[]),
        ("crates/rls/src/lib.rs", "mod tests {\n}", &["inline-tests:2"]),
        ("crates/rls/src/lib.rs", "mod tests;", &[]),
        // Names.
        ("crates/rls/src/util.rs", "", &["file-name:0"]),
        ("crates/rls/src/helpers/a.rs", "", &["file-name:0"]),
        ("crates/rls/src/pool_manager.rs", "", &["file-name:0"]),
        ("crates/rls/src/common_name.rs", "", &[]),
    ];
    for (path, code, expected) in cases {
        assert_eq!(rust(path, code), *expected, "{path}: {code}");
    }
}

#[test]
fn sizes() {
    let lines = |n: usize| "    let a = 1;\n".repeat(n);
    let cases: [(String, &[&str]); 9] = [
        (format!("fn f() {{\n{}}}\n", lines(68)), &[]),
        (format!("fn f() {{\n{}}}\n", lines(69)), &["function-lines:2"]),
        (format!("pub(crate) const fn f() {{\n{}}}\n", lines(70)), &["function-lines:2"]),
        (format!("fn short();\nfn g() {{}}\n{}}}\n", lines(80)), &[]),
        ("// a\n".repeat(499), &[]),
        ("// a\n".repeat(500), &["file-lines:0"]),
        (format!("// {}\n", "ab ".repeat(33)), &["columns:2"]),
        (format!("// {}\n", "ä".repeat(58)), &[]),
        (format!("// https://example.org/{}\n", "a".repeat(100)), &[]),
    ];
    for (code, expected) in cases {
        assert_eq!(rust("crates/rls/src/lib.rs", &code), expected, "{code}");
    }
    assert_eq!(rules("crates/rls/src/lib.rs", "fn f() {}\n"), ["header:1"]);
}

#[test]
fn documents() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("README.md", "[a](docs/a.md)", &["link:1"]),
        ("README.md", "[a](README.md#here), [b](#b), [c](https://example.org/x)", &[]),
        ("docs/a.md", "\n[`a`](../README.md)", &["link:2"]),
        ("docs/a.md", "[a](./a.md) `[b](c.md)`\n```\n[d](e.md)\n```\n", &[]),
        ("CHANGELOG.md", "# Changes\n\n## Later\n", &["document:0"]),
        ("CHANGELOG.md", "# Changes\n\n## [Unreleased]\n", &[]),
        ("CHANGELOG.md", "# Changes\n\n## 0.1.0\n", &[]),
    ];
    for (path, text, expected) in cases {
        assert_eq!(rules(path, text), *expected, "{path}: {text}");
    }
    assert_eq!(rules("STYLE.md", &"a\n".repeat(151)), ["document:0"]);
    let left = format!("a = 1\n{} main\n", "<".repeat(7));
    assert_eq!(rules("examples/a.toml", &left), ["conflict:2"]);
    assert!(check(&[]).iter().any(|finding| finding.path == "README.md"));
}

#[test]
fn manifests() {
    let pure =
        "[dependencies]\nbytes = \"1\"\ntokio.workspace = true\n[dev-dependencies]\nhyper = \"1\"";
    assert_eq!(rules("crates/protocol/Cargo.toml", pure), ["pure:3"]);
    assert_eq!(rules("crates/rls/Cargo.toml", "[dependencies.tokio-util]"), ["pure:1"]);
    let many = |own: usize, others: usize| {
        let own = (0..own).map(|n| format!("rowhouse-{n} = \"1\"\n"));
        let all = own.chain((0..others).map(|n| format!("crate{n}.workspace = true\n")));
        format!("[dependencies]\n{}[features]\naws = []\n", all.collect::<String>())
    };
    assert_eq!(rules("crates/rowhouse/Cargo.toml", &many(4, 25)), [""; 0]);
    assert_eq!(rules("crates/rowhouse/Cargo.toml", &many(0, 26)), ["direct-dependencies:0"]);
    assert_eq!(rules("Cargo.lock", &lock_file(200)), [""; 0]);
    assert_eq!(rules("Cargo.lock", &lock_file(201)), ["locked-packages:0"]);
}

/// A chain of packages that begins with one of ours.
fn lock_file(packages: usize) -> String {
    let package = |n: usize| {
        let source = if n == 0 { "" } else { "source = \"registry\"\n" };
        let next = n + 1;
        let head = format!("[[package]]\nname = \"a{n}\"\nversion = \"1.0\"\n{source}");
        format!("{head}dependencies = [\n \"a{next}\",\n]\n")
    };
    (0..=packages).map(package).collect()
}

#[test]
fn what_is_optional_does_not_count() {
    let lock = "\
        [[package]]\nname = \"own\"\ndependencies = [\n \"sdk\",\n \"both 2.0\",\n]\n\
        [[package]]\nname = \"sdk\"\nversion = \"1.0\"\nsource = \"r\"\n\
        dependencies = [\n \"both 1.0\",\n \"other\",\n]\n\
        [[package]]\nname = \"both\"\nversion = \"1.0\"\nsource = \"r\"\n\
        [[package]]\nname = \"both\"\nversion = \"2.0\"\nsource = \"r\"\n\
        dependencies = [\n \"both 2.0\",\n]\n\
        [[package]]\nname = \"other\"\nversion = \"1.0\"\nsource = \"r\"\n";
    for (without, expected) in [("", 4), ("sdk", 1), ("other", 4)] {
        let without = [without.to_owned()].into_iter().collect();
        assert_eq!(lock::count(lock, &without), expected, "{without:?}");
    }
}

#[test]
fn machine_paths() {
    let cases = [
        ("see /srv/checkout/main/README.md", 1),
        ("see `/srv/checkout/main`", 1),
        ("/srv/checkout/mainland, https://example.org/srv/checkout/main", 0),
        ("cd /home/somebody", 1),
        ("https://example.org/home/page ./home/x target/home/", 0),
    ];
    for (text, expected) in cases {
        let files = [File::new("a.md", text)];
        let findings = names::machine_paths(&files, Path::new("/srv/checkout/main"));
        assert_eq!(findings.len(), expected, "{text}");
    }
    let files = [File::new("Dockerfile", "WORKDIR /app")];
    assert_eq!(names::machine_paths(&files, Path::new("/app")), []);
}

#[test]
fn exceptions_cover_their_rule_and_go_stale() {
    let listed = File::new("crates/xtask/src/tidy/names.rs", "//! x\nconst A: &str = \"/root/\";");
    let files = [listed];
    let found = || names::machine_paths(&files, Path::new("/srv/checkout/main"));
    assert_eq!(found().len(), 1);
    assert_eq!(exceptions::without(found(), &files), []);
    assert_eq!(exceptions::without(Vec::new(), &files).len(), 1);
    assert_eq!(exceptions::without(Vec::new(), &[]), []);
}

#[test]
fn comments_and_literals_are_not_code() {
    let cases = [
        ("a // b", "a     "),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("a /* b", "a     "),
        ("f(\"b\\\"c\") d", "f(      ) d"),
        ("r\"a\\\" b", "      b"),
        ("r#\"a\"b\"# c", "         c"),
        ("b\"a\" br##\"\"# \"## c", "                 c"),
        ("for_\"a\"", "for_   "),
        ("'a' 'b", "    'b"),
        ("'\\'' '\\u{41}' c", "              c"),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        ("\"a\nb\" c", "  \n   c"),
        ("\"open", "     "),
        ("r#\"open\"", "        "),
        ("r#type r b", "r#type r b"),
        ("'", "'"),
        ("'\\", "'\\"),
        ("\"\\", "  "),
    ];
    for (text, expected) in cases {
        assert_eq!(code_only(text), expected, "{text:?}");
    }
}
