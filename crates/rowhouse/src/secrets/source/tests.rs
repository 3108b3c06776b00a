//! What a source gives while its file changes, breaks and goes; and how often it looks.

use std::path::{Path, PathBuf};

use super::*;

const LONG: Duration = Duration::from_secs(3600);

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("rowhouse-source-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("role.json")
    }

    fn write(&self, role: &str, password: &str) {
        let text = format!(r#"{{"username":"{role}","password":"{password}"}}"#);
        std::fs::write(self.file(), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn source(path: &Path, ttl: Duration) -> (Arc<Source>, Observer) {
    let observer = Observer::new();
    let origin = Origin::File(path.to_owned());
    (Source::new("s", origin, ttl, observer.clone(), Handle::current()), observer)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn fetches(observer: &Observer, outcome: &str) -> usize {
    let line = format!("rowhouse_secret_fetches_total{{outcome=\"{outcome}\"}} ");
    let text = observer.metrics_text();
    let found = text.lines().find_map(|found| found.strip_prefix(&line));
    found.map_or(0, |count| count.parse().unwrap())
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn many_ask_and_one_fetches() {
    run(async {
        let folder = Folder::new("many");
        folder.write("a", "1");
        let (source, observer) = source(&folder.file(), LONG);
        let asked: Vec<_> = (0..50)
            .map(|_| {
                let source = Arc::clone(&source);
                tokio::spawn(async move { source.current(soon()).await.unwrap().version })
            })
            .collect();
        for asked in asked {
            assert_eq!(asked.await.unwrap(), 0);
        }
        assert_eq!(fetches(&observer, "new"), 1);
    });
}

#[test]
fn what_is_refused_is_fetched_anew_by_one_for_all() {
    run(async {
        let folder = Folder::new("refused");
        folder.write("a", "1");
        let (source, observer) = source(&folder.file(), LONG);
        let old = source.current(soon()).await.unwrap();
        folder.write("b", "2");
        assert_eq!(source.current(soon()).await.unwrap().role, "a");
        let (one, other) =
            tokio::join!(source.refused(&old, false, soon()), source.refused(&old, false, soon()));
        for new in [one.unwrap(), other.unwrap()] {
            assert_eq!((new.role.as_str(), new.password.expose()), ("b", "2"));
        }
        // Whoever comes late with the old ones gets the new ones, without another fetch.
        assert_eq!(source.refused(&old, false, soon()).await.unwrap().role, "b");
        assert_eq!((fetches(&observer, "new"), fetches(&observer, "same")), (2, 0));
    });
}

#[test]
fn a_wrong_password_is_fetched_at_its_pace() {
    run(async {
        let folder = Folder::new("pace");
        folder.write("a", "1");
        let (source, observer) = source(&folder.file(), LONG);
        let wrong = source.current(soon()).await.unwrap();
        let begun = Instant::now();
        for _ in 0..2 {
            assert!(source.refused(&wrong, false, soon()).await.is_none());
        }
        assert_eq!(fetches(&observer, "same"), 2);
        assert!(begun.elapsed() >= REFUSED_PAUSE_FIRST * 2, "{:?}", begun.elapsed());
        // Nobody waits for a fetch beyond the time that is left.
        assert!(source.refused(&wrong, false, Instant::now()).await.is_none());
    });
}

#[test]
fn old_ones_are_kept_while_nobody_answers_and_dropped_when_withdrawn() {
    run(async {
        let folder = Folder::new("stale");
        let (source, _) = source(&folder.file(), Duration::ZERO);
        let error = source.current(soon()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::SecretUnavailable);
        assert!(!error.to_string().contains("role.json"), "{error}");

        folder.write("a", "1");
        // The pause after a failure is what is waited for.
        tokio::time::sleep(FAILED_PAUSE_FIRST * 2).await;
        assert_eq!(source.current(soon()).await.unwrap().role, "a");
        std::fs::write(folder.file(), "{hunter2").unwrap();
        assert_eq!(source.current(soon()).await.unwrap().role, "a");
        source.refetch();
        // Asked for while the one before is under way: it follows.
        std::fs::remove_file(folder.file()).unwrap();
        source.refetch();
        while source.state.borrow().credentials.is_some() {
            source.ended(soon()).await;
            tokio::task::yield_now().await;
        }
        let error = source.current(soon()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::SecretUnavailable);
    });
}

#[test]
fn what_holds_no_credentials_is_told_from_what_is_missing() {
    run(async {
        let folder = Folder::new("malformed");
        std::fs::write(folder.file(), r#"{"username":"hunter2"}"#).unwrap();
        let (source, _) = source(&folder.file(), LONG);
        let error = source.current(soon()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::SecretRefused);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    });
}
