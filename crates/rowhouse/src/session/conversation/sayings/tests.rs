//! Texts and what they say; transactions and what of it is left.

use super::*;

const TENANT: [&str; 2] = ["app.a", "app.b"];
const BEGUN: [&str; 2] = ["timezone", "app.mine"];

#[test]
fn what_a_text_says() {
    // The text, what it takes, what it returns, what it resets.
    let cases = [
        ("select 1", 0, 0, 0),
        ("set app.a = '1'", 1, 0, 0),
        ("SET SESSION \"app\".\"B\" to 'x'", 2, 0, 0),
        ("set local app.a = '1'", 0, 0, 0),
        ("set timezone = 'UTC'", 0, 0, 0),
        ("set app.a to default", 0, 1, 0),
        ("set timezone to default", 0, 0, 1),
        ("reset app.b", 0, 2, 0),
        ("reset time zone", 0, 0, 1),
        ("reset app.mine", 0, 0, 2),
        ("reset all", 0, ALL, ALL),
        ("reset app.other", 0, 0, 0),
        ("reset role", 0, 0, 0),
        ("discard all;", 0, ALL, ALL),
        ("discard temp", 0, 0, 0),
        ("select set_config('app.a', '1', false)", ALL, 0, 0),
        ("select set_config('app.a', '1', true)", 0, 0, 0),
        ("select set_config($1, '1', false)", ALL, 0, 0),
        ("reset all; set app.a = '1'", 1, ALL & !1, ALL),
        ("set app.a = '1'; reset app.a", 0, 1, 0),
        ("select pg_advisory_unlock_all(); close all; unlisten *; reset all;", 0, ALL, ALL),
    ];
    for (sql, taken, returned, reset) in cases {
        let found = Saying::of(sql, &TENANT, &BEGUN);
        assert_eq!((found.taken, found.returned, found.reset), (taken, returned, reset), "{sql}");
        assert_eq!(found.discards, sql == "discard all;");
    }
}

#[test]
fn what_is_left_of_it() {
    // What is said and heard, segment by segment; then which are taken. Behind each `/`, the state
    // of the transaction: `i`dle, `t` inside, `f`ailed and idle.
    let cases = [
        ("set app.a = 'x' /i", 1),
        ("set app.a = 'x' /f", 0),
        ("BEGIN /t set app.a = 'x' /t COMMIT /i", 1),
        ("BEGIN /t set app.a = 'x' /t ROLLBACK /i", 0),
        ("set app.a = 'x' /i BEGIN /t reset all /t ROLLBACK /i", 1),
        ("set app.a = 'x' /i BEGIN /t reset all /t COMMIT /i", 0),
        ("set app.a = 'x' /i set app.b = 'x' /i reset app.a /i", 2),
        ("set app.a = 'x' /i reset app.a /f", 1),
        ("set app.a = 'x' /i select 1 /f", 1),
        ("BEGIN /t set app.a = 'x' /t COMMIT /t ROLLBACK /i", 1),
        ("BEGIN /t set app.a = 'x' /t reset app.a /t ROLLBACK /t COMMIT /i", 0),
        // Committed in the same segment that fails later: nobody knows, so SQL has it.
        ("set app.a = 'x' COMMIT /f", 1),
        ("set app.a = 'x' /i reset app.a COMMIT /f", 1),
    ];
    for (story, taken) in cases {
        let mut sayings = Sayings::default();
        let mut rest = story;
        while let Some((said, behind)) = rest.split_once('/') {
            let tag = ["BEGIN", "COMMIT", "ROLLBACK"].iter().find(|tag| said.contains(**tag));
            let sql = tag.map_or(said, |tag| said.split(*tag).next().unwrap_or_default());
            sayings.say(Saying::of(sql, &TENANT, &BEGUN));
            sayings.hear(tag.copied().unwrap_or("SET"));
            sayings.end(!behind.starts_with('t'), behind.starts_with('f'));
            rest = behind.get(1..).unwrap_or_default();
        }
        assert_eq!(sayings.taken, taken, "{story}");
    }
}

#[test]
fn settings_are_made_again_once() {
    let mut sayings = Sayings::default();
    sayings.say(Saying::of("reset timezone", &TENANT, &BEGUN));
    assert_eq!(sayings.end(false, false).0, 0);
    assert_eq!(sayings.end(true, false).0, 1);
    assert_eq!(sayings.end(true, false).0, 0);
    sayings.say(Saying::of("reset all", &TENANT, &BEGUN));
    assert_eq!(sayings.end(true, true).0, 0);
}
