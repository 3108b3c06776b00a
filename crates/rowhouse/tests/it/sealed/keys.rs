//! Keys that come and go while tenants are there: nobody's request fails.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rowhouse::config::{SealKeys, StoredKey};
use rowhouse_tenancy::seal::SealKey;

use super::database::{DATABASE, Stage, at, keys};
use super::lanes::{NOTES, sees_its_own};
use crate::folder::Folder;
use crate::postgres::OwnServer;
use crate::schema;
use crate::stand::Stand;
use crate::wait;

/// The gateway looks at its file every two seconds; the machine may be busy.
const SOON: Duration = Duration::from_secs(40);

/// A new key, and the old one taken away, while four tenants ask as fast as they can.
pub fn rotation_under_load(stand: &Stand) {
    let stage = stand.sealed();
    let _turn = stage.turn.lock().unwrap_or_else(|broken| broken.into_inner());
    let gateway = stage.gateway(&[("POOL__SHARDS", "1")]);
    let mut direct = stage.address.connect(DATABASE);
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in 1..=4 {
            let (gateway, stop, answered) = (&gateway, &stop, &answered);
            scope.spawn(move || {
                let tenant = format!("tenant_{number}");
                let person = at(gateway.tenant(&tenant));
                while !stop.load(Ordering::Relaxed) {
                    sees_its_own(person.execute(NOTES), &tenant);
                    if number % 2 == 0 {
                        let transaction = person.begin();
                        sees_its_own(transaction.execute(NOTES), &tenant);
                        sees_its_own(transaction.execute(NOTES), &tenant);
                        transaction.commit().ok();
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // However this ends, the others stop.
        let _stop = StopAtEnd(&stop);
        let enough =
            |count| wait::until_true("answers", SOON, || answered.load(Ordering::Relaxed) > count);
        enough(40);
        let old_person = at(gateway.tenant("tenant_9"));
        let old_transaction = old_person.begin();
        let old = SealKeys::read(&stage.keys_file()).unwrap().unwrap();
        keys("rotate", &stage.address, DATABASE, &stage.keys_file(), &[]);
        let new = SealKeys::read(&stage.keys_file()).unwrap().unwrap();
        let id = f64::from(new.current().get());
        wait::until_true("the new key", SOON, || gateway.metric("rowhouse_seal_key", "") == id);
        // A transaction goes on as long as its key is there.
        sees_its_own(old_transaction.execute(NOTES), "tenant_9");
        old_transaction.commit().ok();
        let registered = format!(
            "select count(*) from rowhouse.seal_session s join pg_stat_activity a using (pid)
             where a.datname = current_database() and s.key_id = {}",
            old.current()
        );
        wait::until_true("everybody has the new key", SOON, || direct.value(&registered) == "0");
        keys("retire", &stage.address, DATABASE, &stage.keys_file(), &["--older-than", "0s"]);
        enough(answered.load(Ordering::Relaxed) + 40);
    });
}

struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A file that is gone, broken or everybody's: the key in use goes on, and the log says so.
pub fn a_file_that_cannot_be_used(stand: &Stand) {
    let stage = stand.sealed();
    let _turn = stage.turn.lock().unwrap_or_else(|broken| broken.into_inner());
    let folder = Folder::new("sealed-copy");
    let file = folder.file("keys.json");
    let keys = SealKeys::read(&stage.keys_file()).unwrap().unwrap();
    keys.write(&file).unwrap();
    let gateway = stage.gateway_with(&file, &[("POOL__SHARDS", "1")]);
    let person = at(gateway.tenant("tenant_5"));
    let told = |count: f64| {
        wait::until_true("it is told", SOON, || {
            gateway.metric("rowhouse_seal_key_failures_total", "") == count
        });
        sees_its_own(person.execute(NOTES), "tenant_5");
        sees_its_own(person.begin().execute(NOTES), "tenant_5");
    };
    std::fs::remove_file(&file).unwrap();
    told(1.0);
    std::fs::write(&file, "{").unwrap();
    told(2.0);
    let log = gateway.process.log();
    assert!(log.contains("keys.json is gone"), "{log}");
    assert_eq!(gateway.probe("/readyz").status, 200);
}

/// A key that the database does not have: callers are told to come again, the operator why; and
/// all is well as soon as the file is.
pub fn a_key_that_is_refused(stand: &Stand) {
    let stage = stand.sealed();
    let _turn = stage.turn.lock().unwrap_or_else(|broken| broken.into_inner());
    let folder = Folder::new("sealed-wrong");
    let file = folder.file("keys.json");
    let good = SealKeys::read(&stage.keys_file()).unwrap().unwrap();
    let id = good.current();
    let wrong = SealKey::new(id, [0xee; 32]);
    SealKeys::first(StoredKey { key: wrong, created: Timestamp::UNIX_EPOCH }).write(&file).unwrap();
    let settings = [("POOL__SHARDS", "1"), ("POOL__WAIT_TIMEOUT", "3s")];
    let gateway = stage.gateway_with(&file, &settings);
    let person = at(gateway.tenant("tenant_6"));
    person.execute(NOTES).fails("DatabaseUnavailableException", "");
    wait::until_true("not ready", SOON, || gateway.probe("/readyz").status == 503);
    let said = gateway.probe("/readyz").text();
    assert!(said.contains("sealing key"), "{said}");
    let log = gateway.process.log();
    assert!(log.contains("has not registered the connection with key"), "{log}");
    good.write(&file).unwrap();
    wait::until_true("it works", SOON, || person.execute(NOTES).status == 200);
    sees_its_own(person.execute(NOTES), "tenant_6");
    wait::until_true("ready", SOON, || gateway.probe("/readyz").status == 200);
}

/// Keys were rotated, and this database was left out: the key before goes on, and the log says so.
pub fn a_database_that_was_forgotten(stand: &Stand) {
    let stage = stand.sealed();
    let _turn = stage.turn.lock().unwrap_or_else(|broken| broken.into_inner());
    let folder = Folder::new("sealed-forgotten");
    let file = folder.file("keys.json");
    let mut keys = SealKeys::read(&stage.keys_file()).unwrap().unwrap();
    keys.write(&file).unwrap();
    let gateway = stage.gateway_with(&file, &[("POOL__SHARDS", "1")]);
    let person = at(gateway.tenant("tenant_7"));
    sees_its_own(person.execute(NOTES), "tenant_7");
    let next = keys.next_id().unwrap();
    keys.add(StoredKey { key: SealKey::new(next, [0xdd; 32]), created: Timestamp::UNIX_EPOCH });
    keys.write(&file).unwrap();
    let id = f64::from(next.get());
    wait::until_true("the new key", SOON, || gateway.metric("rowhouse_seal_key", "") == id);
    for _ in 0..3 {
        sees_its_own(person.execute(NOTES), "tenant_7");
        let transaction = person.begin();
        sees_its_own(transaction.execute(NOTES), "tenant_7");
        transaction.commit().ok();
    }
    assert!(gateway.metric("rowhouse_seal_key_failures_total", "") > 0.0);
    let log = gateway.process.log();
    assert!(log.contains("with every sealed database"), "{log}");
    assert_eq!(gateway.probe("/readyz").status, 200);
}

/// A crash empties the table of registrations. Nobody is shown no rows because of that: the
/// connections are gone as well, and new ones are registered.
pub fn a_server_that_crashes(stand: &Stand) {
    let server = OwnServer::start_like(stand.cluster());
    schema::make(&server.address);
    let stage = Stage::new(&server.address);
    let person = stage.tenant("tenant_8");
    for _ in 0..8 {
        sees_its_own(person.execute(NOTES), "tenant_8");
    }
    let transaction = person.begin();
    sees_its_own(transaction.execute(NOTES), "tenant_8");
    server.kill_a_backend(DATABASE);
    server.wait_until_it_answers();
    wait::until_true("tenants are served again", SOON, || {
        let answer = person.execute(NOTES);
        let served = answer.status == 200;
        if served {
            sees_its_own(answer, "tenant_8");
        }
        served
    });
    let lost = transaction.execute(NOTES);
    assert!(lost.status >= 400, "{}", lost.text());
    let again = person.begin();
    sees_its_own(again.execute(NOTES), "tenant_8");
    again.commit().ok();
}
