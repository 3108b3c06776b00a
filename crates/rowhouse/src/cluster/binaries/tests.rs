//! Which PostgreSQL is chosen of those that are there.

use super::*;

fn binaries(versions: &[u32]) -> Vec<Binaries> {
    let one = |major: &u32| Binaries {
        folder: PathBuf::from(format!("/pg/{major}")),
        version: format!("{major}.1"),
        major: *major,
    };
    versions.iter().map(one).collect()
}

#[test]
fn versions_are_read() {
    for (text, expected) in [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some(("15.18", 15))),
        ("postgres (PostgreSQL) 18beta1", Some(("18beta1", 18))),
        ("postgres (PostgreSQL) 9.6.24", Some(("9.6.24", 9))),
        ("postgres (PostgreSQL)", None),
        ("postgres (PostgreSQL) devel", None),
        ("", None),
    ] {
        let expected = expected.map(|(version, major): (&str, u32)| (version.to_owned(), major));
        assert_eq!(version_in(text), expected, "{text}");
    }
}

#[test]
fn the_newest_is_chosen_unless_the_data_need_another() {
    for (found, made_by, expected) in [
        (&[15, 18, 16][..], None, Ok(18)),
        (&[15, 18, 16], Some(16), Ok(16)),
        (&[14, 15], None, Ok(15)),
        (&[15], Some(16), Err("made by PostgreSQL 16, and 15 cannot read them")),
        (&[13, 14], None, Err("PostgreSQL 14.1 in /pg/14 is too old")),
        (&[], None, Err("no PostgreSQL 15 or newer found")),
        (&[], Some(15), Err("no PostgreSQL 15 or newer found")),
    ] {
        match (choose(binaries(found), made_by), expected) {
            (Ok(chosen), Ok(major)) => assert_eq!(chosen.major, major, "{found:?} {made_by:?}"),
            (Err(error), Err(text)) => {
                assert!(error.to_string().contains(text), "{error}");
                assert!(error.to_string().contains("--pg-bin DIR"), "{error}");
            }
            (other, _) => panic!("{found:?} {made_by:?}: {other:?}"),
        }
    }
}

#[test]
fn a_folder_without_programs_is_refused() {
    let error = Binaries::find(Some(Path::new("/dev")), None).unwrap_err();
    assert!(error.to_string().starts_with("/dev does not hold PostgreSQL's programs"), "{error}");
}
