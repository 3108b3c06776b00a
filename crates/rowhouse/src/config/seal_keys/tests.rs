//! Files of keys, good and bad.

use std::os::unix::fs::PermissionsExt;

use super::*;

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A folder of this test's own, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("rowhouse-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn key(id: i64) -> StoredKey {
    let id = SealKeyId::new(id).unwrap();
    StoredKey { key: SealKey::new(id, [7; SECRET_BYTES]), created: Timestamp::UNIX_EPOCH }
}

#[test]
fn what_is_written_is_read() {
    let folder = Folder::new("seal-keys");
    let file = folder.0.join("seal.json");
    assert!(SealKeys::read(&file).unwrap().is_none());
    let mut keys = SealKeys::first(key(1));
    keys.write(&file).unwrap();
    keys.add(key(keys.next_id().unwrap().get().into()));
    keys.write(&file).unwrap();
    let read = SealKeys::read(&file).unwrap().unwrap();
    assert_eq!((read.current().get(), read.keys().len()), (2, 2));
    assert_eq!(read.current_key().unwrap().expose(), &[7; SECRET_BYTES]);
    assert_eq!(read.keys().first().unwrap().created, Timestamp::UNIX_EPOCH);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(&folder.0).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");

    keys.remove(SealKeyId::FIRST);
    keys.remove(keys.current());
    assert_eq!((keys.current().get(), keys.keys().len()), (2, 1), "the current one stays");

    for mode in [0o640, 0o604, 0o620, 0o777] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let told = SealKeys::read(&file).unwrap_err().to_string();
        assert!(told.contains("chmod 600"), "{told}");
    }
    assert!(keys.write(&folder.0.join("nowhere/seal.json")).is_err());
}

#[test]
fn bad_files() {
    let entry = format!(r#"{{"id": 1, "secret": "{SECRET}", "created": "2026-01-01T00:00:00Z"}}"#);
    let good = format!(r#"{{"current": 1, "keys": [{entry}]}}"#);
    assert_eq!(SealKeys::parse(&good).unwrap().current(), SealKeyId::FIRST);
    for (text, told) in [
        (String::new(), "not good JSON"),
        ("[]".to_owned(), "not good JSON"),
        (good.replace("created", "made"), "unknown field"),
        (good.replace("current", "now"), "unknown field"),
        (good.replace("2026-01-01", "yesterday"), "no instant"),
        (good.replace(SECRET, "AAEC"), "not base64 of 32 bytes"),
        (good.replace(SECRET, "?"), "not base64 of 32 bytes"),
        (good.replace("\"id\": 1", "\"id\": 0"), "numbers from 1 on"),
        (good.replace("\"id\": 1", "\"id\": 2147483648"), "numbers from 1 on"),
        (good.replace("\"current\": 1", "\"current\": 2"), "not in it"),
        (good.replace(&entry, ""), "not in it"),
        (good.replace(&entry, &format!("{entry},{entry}")), "twice"),
    ] {
        let error = SealKeys::parse(&text).unwrap_err();
        assert!(error.contains(told) && !error.contains(SECRET), "{error}");
    }
}
