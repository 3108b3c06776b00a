//! What a data directory lets happen to it.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// A folder of the test's own that goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("rowhouse-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_second_user_is_told_so() {
    let folder = Folder::new("lock");
    let first = DataDir::open(&folder.0.join("deep/er")).unwrap();
    let error = DataDir::open(first.path()).unwrap_err();
    assert!(matches!(error, ClusterError::Locked { .. }), "{error}");
    assert!(error.to_string().starts_with("another rowhouse uses "), "{error}");
    let path = first.path().to_owned();
    drop(first);
    DataDir::open(&path).unwrap();
}

#[test]
fn secrets_are_drawn_once_and_private() {
    let folder = Folder::new("secret");
    let directory = DataDir::open(&folder.0).unwrap();
    let secret = directory.secret("a.password").unwrap();
    assert_eq!(secret.expose().len(), 2 * SECRET_BYTES);
    assert_eq!(directory.secret("a.password").unwrap(), secret);
    assert_ne!(directory.secret("b.password").unwrap(), secret);
    let mode = std::fs::metadata(directory.file("a.password")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn clearing_leaves_what_is_not_ours() {
    let folder = Folder::new("clear");
    let directory = DataDir::open(&folder.0).unwrap();
    directory.write("rowhouse.toml", b"x").unwrap();
    directory.write("notes.txt", b"mine").unwrap();
    std::fs::create_dir_all(directory.file(crate::cluster::home::FOLDER).join("a/b")).unwrap();
    directory.clear().unwrap();
    let mut left: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["lock", "notes.txt", "rowhouse-data-dir"]);
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let folder = Folder::new("foreign");
    std::fs::create_dir_all(&folder.0).unwrap();
    std::fs::write(folder.0.join("rowhouse.toml"), "# the configuration of a server").unwrap();
    let error = DataDir::open(&folder.0).unwrap_err();
    assert!(matches!(error, ClusterError::NotOurs { .. }), "{error}");
    std::fs::rename(folder.0.join("rowhouse.toml"), folder.0.join("start.log")).unwrap();
    DataDir::open(&folder.0).unwrap();
}

#[test]
fn what_cannot_be_a_folder_is_named() {
    let error = DataDir::open(Path::new("/dev/null/x")).unwrap_err();
    assert!(error.to_string().starts_with("cannot use /dev/null/x: "), "{error}");
    assert!(error.to_string().ends_with("--data-dir DIR"), "{error}");
}
