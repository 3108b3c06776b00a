//! What an issuer says about keeping its answer.

use super::*;

#[test]
fn ages() {
    for (lines, expected) in [
        (&[][..], None),
        (&["max-age=600"], Some(600)),
        (&["public, Max-Age=15, must-revalidate"], Some(15)),
        (&["public", "max-age=\"7\""], Some(7)),
        (&["max-age=600, max-age=5"], Some(5)),
        (&["no-store"], Some(0)),
        (&["max-age=600, no-cache"], Some(0)),
        (&["s-maxage=5, private"], None),
        (&["max-age=-1"], None),
        (&["max-age=99999999999999999999"], None),
        (&["max-age", "=5", ","], None),
    ] {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, line.parse().unwrap());
        }
        assert_eq!(max_age(&headers), expected.map(Duration::from_secs), "{lines:?}");
    }
}
