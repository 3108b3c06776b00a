//! What clients ask for when they begin, and what they get.
#![allow(clippy::panic)]

use rowhouse_tenancy::ids::{SettingName, TenantId};
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::prologue::Context;

use super::{Manners, Place, read};
use crate::error::{Error, Kind};

fn settings(names: &[&str]) -> Vec<SettingName> {
    names.iter().filter_map(|name| SettingName::parse(name).ok()).collect()
}

fn manners(principal: &Principal, parameters: &[(&str, &str)]) -> Result<Manners, Error> {
    let (own, all) = (settings(&["app.t"]).into(), settings(&["app.t", "app.other"]));
    read(parameters, principal, Place { context: Context::Standard, own: &own, all: &all })
}

fn sealed(principal: &Principal, parameters: &[(&str, &str)]) -> Result<Manners, Error> {
    let own = settings(&["app.t", "app.u"]).into();
    let place = Place { context: Context::Sealed, own: &own, all: &own };
    read(parameters, principal, place)
}

fn tenant() -> Principal {
    match TenantId::parse("1") {
        Ok(one) => Principal::for_tenant(one, "t1"),
        Err(_) => Principal::for_app("unreachable"),
    }
}

/// The prologue's values and what else is set, for the principal of each case.
fn check(principal: &Principal, parameters: &[(&str, &str)], prologue: &str, set: &str) {
    let manners = manners(principal, parameters);
    let Ok(manners) = manners else { panic!("{parameters:?}: {:?}", manners.err()) };
    let Ok(words) = manners.prologue.words(None, 0) else { panic!("no words") };
    let values = words.parameters();
    let values: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value)).collect();
    let settings = manners.settings.iter().map(|(name, value)| format!("{name}={value}"));
    let settings: Vec<String> = settings.collect();
    assert_eq!(values.join(" "), prologue, "{parameters:?}");
    assert_eq!(settings.join(" "), set, "{parameters:?}");
}

#[test]
fn what_is_asked_for_is_kept() {
    const QUIET: &str = "client_min_messages=notice";
    let (app, admin) = (Principal::for_app("a"), Principal::for_admin("a"));
    check(&tenant(), &[], "app.t 1", QUIET);
    check(&tenant(), &[("options", "-c app.t=1")], "app.t 1", QUIET);
    check(&tenant(), &[("options", "-c APP.Other=1")], "app.t 1", QUIET);
    check(&app, &[], "app.t ", QUIET);
    check(&app, &[("options", "-c app.t=acme-corp")], "app.t acme-corp", QUIET);
    check(&app, &[("options", "--app.t=a -c app.t=b")], "app.t b", QUIET);
    check(&app, &[("options", "-c app.other=2")], "app.t ", &format!("{QUIET} app.other=2"));
    check(&admin, &[("options", "-c app.t=2")], "", &format!("{QUIET} app.t=2"));
    let java = [("TimeZone", "Europe/Berlin"), ("extra_float_digits", "3"), ("DateStyle", "ISO")];
    check(&app, &java, "app.t ", &format!("{QUIET} timezone=Europe/Berlin"));
    let asyncpg = [("client_encoding", "'utf-8'"), ("user", "a"), ("database", "d")];
    check(&app, &asyncpg, "app.t ", QUIET);
    let psql = [("application_name", "psql"), ("client_encoding", "SQL_ASCII")];
    check(&app, &psql, "app.t ", QUIET);
}

#[test]
fn what_cannot_be_honoured_is_an_error() {
    let cases: [(&[(&str, &str)], Kind); 10] = [
        (&[("options", "-c app.t=2")], Kind::ContextProtected),
        (&[("options", "-c app.other=2")], Kind::ContextProtected),
        (&[("options", "-c app.t=")], Kind::ContextProtected),
        (&[("app.t", "2")], Kind::ContextProtected),
        (&[("options", "-c role=owner")], Kind::NotSupported),
        (&[("options", "-c session_authorization=owner")], Kind::NotSupported),
        (&[("options", "-c row_security=off")], Kind::NotSupported),
        (&[("client_encoding", "LATIN1")], Kind::NotSupported),
        (&[("replication", "database")], Kind::NotSupported),
        (&[("options", "nonsense")], Kind::Invalid),
    ];
    for (parameters, expected) in cases {
        let found = manners(&tenant(), parameters).err().map(|error| error.kind());
        assert_eq!(found, Some(expected), "{parameters:?}");
    }
}

/// In a sealed database strangers choose how results look, and an application one tenant.
#[test]
fn what_is_asked_of_a_sealed_database() {
    let (app, admin) = (Principal::for_app("a"), Principal::for_admin("a"));
    type Expected = Result<Option<&'static str>, Kind>;
    let cases: [(&Principal, &str, Expected); 14] = [
        (&app, "", Ok(None)),
        (&app, "-c app.t=", Ok(None)),
        (&app, "-c app.t=1", Ok(Some("1"))),
        (&app, "-c app.t=1 -c app.t=2 -c app.x=3", Ok(Some("2"))),
        (&app, "-c app.t=1 -c app.u=1", Ok(Some("1"))),
        (&app, "-c app.t=1 -c app.u=2", Err(Kind::Invalid)),
        (&app, "-c search_path=x", Err(Kind::NotSupported)),
        (&app, "-c work_mem=1MB", Ok(None)),
        (&admin, "-c app.t=1", Ok(None)),
        (&tenant(), "-c app.t=1 -c timezone=UTC -c jit=off", Ok(None)),
        (&tenant(), "-c statement_timeout=0", Err(Kind::NotSupported)),
        (&tenant(), "-c client_min_messages=debug1", Err(Kind::NotSupported)),
        (&tenant(), "-c rowhouse.context=x", Err(Kind::NotSupported)),
        (&tenant(), "-c app.u=2", Err(Kind::ContextProtected)),
    ];
    for (principal, options, expected) in cases {
        let found = sealed(principal, &[("options", options)]);
        let found = found.map(|manners| manners.chosen().map(|tenant| tenant.as_str().to_owned()));
        let found = found.map_err(|error| error.kind());
        assert_eq!(found, expected.map(|tenant| tenant.map(str::to_owned)), "{options}");
    }
}
