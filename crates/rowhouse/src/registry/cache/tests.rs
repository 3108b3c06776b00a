//! What the file gives back, and which file is not believed.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rowhouse_tenancy::ids::{TenantId, TierName};
use rowhouse_tenancy::limits::Limits;
use rowhouse_tenancy::record::State;

use super::*;

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("rowhouse-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn records() -> Records {
    let record = |id: &str, state: State| TenantRecord {
        id: TenantId::parse(id).unwrap(),
        name: Some("Müller \"& Söhne\"".to_owned()),
        tier: TierName::parse("gold").ok(),
        state,
        limits: Limits { burst: Some(5), ..Limits::default() },
    };
    let suspended = State::suspended("invoice 7 is open").unwrap();
    let all = [record("7", State::Active), record("a\"b,{}", suspended)];
    all.into_iter().map(|one| (one.id.clone(), Arc::new(one))).collect()
}

#[test]
fn what_was_written_comes_back() {
    let folder = Folder::new("cache-back");
    let path = folder.0.join("registry.json");
    for _ in 0..2 {
        write(&path, "here", &records()).unwrap();
        assert!(read(&path, "here").unwrap() == records());
    }
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn what_is_not_ours_is_not_believed() {
    let folder = Folder::new("cache-foreign");
    let path = folder.0.join("registry.json");
    assert!(read(&path, "here").is_err(), "none is there");
    write(&path, "here", &records()).unwrap();
    assert!(read(&path, "there").unwrap_err().contains("another registry"));
    let text = fs::read_to_string(&path).unwrap();
    for end in 0..text.trim_end().len() {
        if text.is_char_boundary(end) {
            fs::write(&path, &text[..end]).unwrap();
            assert!(read(&path, "here").is_err(), "cut off at {end}");
        }
    }
    fs::write(&path, &text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(read(&path, "here").unwrap_err().contains("others than its owner"));
}
