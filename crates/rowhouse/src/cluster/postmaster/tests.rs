//! What a pid file proves, and what not.

use super::*;

#[test]
fn only_the_eighth_line_says_ready() {
    let lines = ["1", "/data", "2", "5432", "/socket", "127.0.0.1", "  1  2", "ready   "];
    assert!(says_ready(&lines.join("\n")));
    for cut in 0..lines.len() {
        assert!(!says_ready(&lines[..cut].join("\n")), "{cut}");
    }
    assert!(!says_ready(&lines.join("\n").replace("ready", "starting")));
    assert!(!says_ready("ready\nready"));
}

#[test]
fn a_stranger_with_the_same_process_id_is_left_alone() {
    let data = std::env::temp_dir().join(format!("rowhouse-postmaster-{}", std::process::id()));
    std::fs::create_dir_all(&data).unwrap();
    let data = data.canonicalize().unwrap();
    let own = std::process::id().to_string();
    for text in ["", "x", "0", "1", "-1", "99999999999999999999", "2147483647", own.as_str()] {
        std::fs::write(data.join("postmaster.pid"), text).unwrap();
        assert_eq!(PidFile::of(&data).running(), None, "{text:?}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(stop_left_behind(&data)).unwrap();
    assert!(!data.join("postmaster.pid").exists());
    std::fs::remove_dir_all(&data).unwrap();
}
