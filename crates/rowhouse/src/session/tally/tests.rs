//! Totals go on; averages are of the last whole period.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn queries(queries: u64) -> Sums {
    Sums { queries, ..Sums::default() }
}

#[test]
fn a_period_is_what_came_in_it() {
    let start = Instant::now();
    let tally = Tally::new(start);
    let steps = [(10, 0, 0), (10, 59, 0), (5, 61, 25), (0, 100, 25), (3, 122, 3), (0, 190, 0)];
    let mut total = 0;
    for (more, second, last) in steps {
        tally.add(queries(more));
        tally.turn(start + Duration::from_secs(second));
        total += more;
        assert_eq!(tally.total().queries, total, "at {second}");
        assert_eq!(tally.last().0.queries, last, "at {second}");
    }
}
