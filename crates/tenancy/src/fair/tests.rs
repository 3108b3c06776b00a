//! Shares, by simulation: servers that take whoever is next, and callers that always have more.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Clock, Flow, Line};

/// What the gateway takes for a cost that it does not know yet.
const GUESS: u64 = 1_000;

/// One that shares.
struct Caller {
    weight: u32,
    /// What each of its requests costs.
    cost: u64,
    /// How many of its requests wait or are served at once.
    pressing: usize,
    flow: Flow,
    /// What it takes its next request for.
    guess: u64,
    served: u64,
}

impl Caller {
    fn new(weight: u32, cost: u64, pressing: usize) -> Caller {
        Caller { weight, cost, pressing, flow: Flow::default(), guess: GUESS, served: 0 }
    }
}

fn next<T>(line: &mut Line<T>, clock: &Clock) -> Option<T> {
    let (tag, who) = line.pop()?;
    clock.serve(tag);
    Some(who)
}

/// Lets them press on so many servers in so many queues until `rounds` requests were served.
/// Callers come by all queues in turn.
fn simulate(callers: &mut [Caller], servers: usize, queues: usize, rounds: usize) {
    let clock = Clock::default();
    let mut lines: Vec<Line<(usize, u64)>> = (0..queues).map(|_| Line::default()).collect();
    for (index, caller) in callers.iter_mut().enumerate() {
        for turn in 0..caller.pressing {
            let tag = caller.flow.begin(&clock, caller.weight, caller.guess);
            lines[(index + turn) % queues].join(tag, (index, caller.guess));
        }
    }
    let mut busy: BinaryHeap<Reverse<(u64, usize, usize, u64)>> = BinaryHeap::new();
    let start = |line: usize,
                 now: u64,
                 lines: &mut [Line<(usize, u64)>],
                 callers: &[Caller],
                 busy: &mut BinaryHeap<Reverse<(u64, usize, usize, u64)>>| {
        if let Some((index, guess)) = next(&mut lines[line], &clock) {
            busy.push(Reverse((now + callers[index].cost, line, index, guess)));
        }
    };
    for server in 0..servers {
        start(server % queues, 0, &mut lines, callers, &mut busy);
    }
    for _ in 0..rounds {
        let Some(Reverse((now, line, index, guess))) = busy.pop() else { break };
        let caller = &mut callers[index];
        caller.served += caller.cost;
        caller.flow.settle(caller.weight, guess, caller.cost);
        caller.guess = (caller.guess * 7 + caller.cost) / 8;
        let tag = caller.flow.begin(&clock, caller.weight, caller.guess);
        lines[line].join(tag, (index, caller.guess));
        start(line, now, &mut lines, callers, &mut busy);
    }
}

/// The largest distance from the weighted share, in parts of a hundred.
fn error_percent(callers: &[Caller]) -> f64 {
    let total: u64 = callers.iter().map(|caller| caller.served).sum();
    let weights: u64 = callers.iter().map(|caller| u64::from(caller.weight)).sum();
    let of = |caller: &Caller| {
        let due = total as f64 * f64::from(caller.weight) / weights as f64;
        (caller.served as f64 - due).abs() / due * 100.0
    };
    callers.iter().map(of).fold(0.0, f64::max)
}

#[test]
fn a_flood_does_not_take_more_than_its_share() {
    // One presses a hundred times as hard, and its requests cost ten times as much.
    let mut callers = vec![Caller::new(1, 10_000, 100), Caller::new(1, 1_000, 10)];
    simulate(&mut callers, 4, 1, 20_000);
    assert!(error_percent(&callers) < 5.0, "{}", error_percent(&callers));
}

#[test]
fn weights_decide_whatever_requests_cost() {
    let kinds = [(1, 500), (2, 5_000), (4, 1_000), (8, 20_000), (16, 3_000)];
    let mut callers: Vec<Caller> =
        kinds.iter().map(|(weight, cost)| Caller::new(*weight, *cost, 32)).collect();
    simulate(&mut callers, 8, 1, 60_000);
    assert!(error_percent(&callers) < 5.0, "{}", error_percent(&callers));
}

#[test]
fn shares_hold_over_all_queues_together() {
    let kinds = [(1, 2_000, 64), (3, 1_000, 16), (2, 700, 40), (5, 4_000, 30)];
    let mut callers: Vec<Caller> = kinds.iter().map(|(w, c, n)| Caller::new(*w, *c, *n)).collect();
    simulate(&mut callers, 8, 4, 60_000);
    assert!(error_percent(&callers) < 5.0, "{}", error_percent(&callers));
}

#[test]
fn ten_thousand_with_uneven_load_get_their_weighted_shares() {
    let of = |index: u32| {
        let weight = [1, 2, 5, 10][index as usize % 4];
        let cost = 500 + u64::from(index.wrapping_mul(2_654_435_761) % 300);
        Caller::new(weight, cost, 2 + index as usize % 3)
    };
    let mut callers: Vec<Caller> = (0..10_000).map(of).collect();
    // Some fifty requests of those with the least weight: one more or less is two in a hundred.
    simulate(&mut callers, 64, 2, 2_500_000);
    let error = error_percent(&callers);
    assert!(error < 5.0, "{error}");
}

#[test]
fn who_was_away_has_saved_nothing() {
    let clock = Clock::default();
    let (busy, back) = (Flow::default(), Flow::default());
    let mut line = Line::default();
    for _ in 0..1_000 {
        let tag = busy.begin(&clock, 1, GUESS);
        line.join(tag, "busy");
        next(&mut line, &clock);
    }
    for _ in 0..4 {
        line.join(busy.begin(&clock, 1, GUESS), "busy");
        line.join(back.begin(&clock, 1, GUESS), "back");
    }
    let order: Vec<&str> = std::iter::from_fn(|| next(&mut line, &clock)).collect();
    assert_eq!(order.iter().filter(|who| **who == "back").count(), 4);
    // Ahead by what is under way at most, and then in turns.
    assert_eq!(order.last(), Some(&"busy"));
    assert!(order[..4].contains(&"busy"), "{order:?}");
}

#[test]
fn who_leaves_is_passed_over() {
    let (clock, mut line) = (Clock::default(), Line::default());
    let first = line.join(1, "first");
    line.join(1, "second");
    assert_eq!(line.leave(first), Some("first"));
    assert_eq!(line.leave(first), None);
    assert_eq!(next(&mut line, &clock), Some("second"));
    assert!(line.is_empty());
}

#[test]
fn numbers_without_end_do_no_harm() {
    let (clock, flow) = (Clock::default(), Flow::default());
    flow.begin(&clock, 0, u64::MAX);
    flow.settle(u32::MAX, 0, u64::MAX);
    clock.serve(u64::MAX);
    assert_eq!(flow.begin(&clock, 1, 1), u64::MAX);
    flow.settle(1, u64::MAX, 0);
}
