//! Which parentheses and which INTO belong to a clause of the grammar, and not to a call or to
//! SELECT INTO.
//!
//! Only words that PostgreSQL reserves say so by themselves. Others are clauses in their place and
//! names of columns and functions elsewhere, so their surroundings have to prove the clause. What
//! is used for the proof: two expressions never stand side by side, but behind DISTINCT ON (…) and
//! OPERATOR (…).

use std::cell::OnceCell;

use super::is_name;
use crate::builtin::{KEYWORDS, SESSION_NEUTRAL};
use crate::scan::{Token, TokenKind};
use crate::word::Word;

/// One statement, and what was found out about the whole of it.
pub(super) struct Clauses<'t, 'a> {
    statement: &'t [Token<'a>],
    has_join_condition: OnceCell<bool>,
    has_distinct_on: OnceCell<bool>,
}

impl<'t, 'a> Clauses<'t, 'a> {
    pub(super) fn of(statement: &'t [Token<'a>]) -> Self {
        Self { statement, has_join_condition: OnceCell::new(), has_distinct_on: OnceCell::new() }
    }

    /// Looks at what stands before the parenthesis at `at`.
    pub(super) fn call_nothing_unknown(&self, at: usize) -> bool {
        let back = |steps: usize| self.back(at, steps);
        let Some(name) = back(1).filter(|token| is_name(token)) else {
            return true;
        };
        // `a.b.c (`: `parts` names and the points between them; before them stands `lead`.
        let mut parts = 1;
        while back(2 * parts).is_some_and(is_point) && back(2 * parts + 1).is_some_and(is_name) {
            parts += 1;
        }
        let lead = back(2 * parts);
        if self.names_no_function(at, 2 * parts) {
            return true;
        }
        let word = Word::of(Some(name));
        match parts {
            _ if lead.is_some_and(is_point) => false,
            1 => {
                word.is_in(KEYWORDS)
                    || word.is_in(SESSION_NEUTRAL)
                    || self.is_clause(word.as_str(), at)
            }
            2 => Word::of(back(3)).as_str() == "pg_catalog" && word.is_in(SESSION_NEUTRAL),
            _ => false,
        }
    }

    /// SELECT … INTO makes a table, possibly a temporary one. INSERT and MERGE can be names of
    /// columns before it (`select a, insert into temp t`), so they have to begin a statement.
    pub(super) fn is_target_of_into(&self, at: usize) -> bool {
        let Some(verb_at) = at.checked_sub(1).filter(|verb_at| self.is_insert_or_merge(*verb_at))
        else {
            return false;
        };
        let Some(before) = self.back(verb_at, 1) else {
            return true;
        };
        if before.is_punct("(") {
            // `with x as (insert into …`
            let lead = Word::of(self.back(verb_at, 2));
            return matches!(lead.as_str(), "as" | "materialized");
        }
        before.is_punct(")") && self.first_behind_with_list() == Some(verb_at)
    }

    /// Where INSERT or MERGE follows the list of WITH, if it begins the text.
    fn first_behind_with_list(&self) -> Option<usize> {
        if !self.statement.first()?.is_word("with") {
            return None;
        }
        let mut depth = 0_usize;
        for (at, token) in self.statement.iter().enumerate() {
            match token.text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                _ if token.is_word("select") => return None,
                _ if self.is_insert_or_merge(at)
                    && self.back(at, 1).is_some_and(|before| before.is_punct(")")) =>
                {
                    return Some(at);
                }
                _ => {}
            }
        }
        None
    }

    fn is_insert_or_merge(&self, at: usize) -> bool {
        self.statement
            .get(at)
            .is_some_and(|token| token.is_word("insert") || token.is_word("merge"))
    }

    /// After `::` stands a type, after AS a type, an alias or MATERIALIZED, after INTO a table.
    fn names_no_function(&self, at: usize, lead: usize) -> bool {
        self.back(at, lead).is_some_and(|token| token.kind == TokenKind::Cast)
            || matches!(self.word_back(at, lead).as_str(), "as" | "into")
    }

    /// Words that are keywords only in their place and could be a user's function elsewhere.
    fn is_clause(&self, word: &str, at: usize) -> bool {
        match (word, self.word_back(at, 2).as_str()) {
            ("over" | "filter", _) => {
                self.back(at, 2).is_some_and(|lead| lead.is_punct(")")) && !self.has_distinct_on()
            }
            ("by", "group" | "order" | "partition") => true,
            ("conflict", "on") => {
                // DO is reserved: no expression goes on with it.
                let word = Word::of(self.behind_plain_list(at));
                word.as_str() == "do" || !self.has_join_condition()
            }
            // Else it is `case … then insert(…)`.
            ("insert", "then") => {
                let word = Word::of(self.behind_plain_list(at));
                matches!(word.as_str(), "values" | "overriding")
            }
            ("sets", "grouping") => true,
            ("materialized", "not") => self.word_back(at, 3).as_str() == "as",
            // The columns of the first common table expression.
            (_, "with") => true,
            (_, "recursive") => self.word_back(at, 3).as_str() == "with",
            // None of them names a column or follows an expression but as a join.
            ("join", "inner" | "outer" | "left" | "right" | "full" | "cross" | "natural") => true,
            ("join", _) => self.holds_query(at),
            _ => false,
        }
    }

    /// Whether the parenthesis at `at` holds a query, as no list of arguments does.
    fn holds_query(&self, at: usize) -> bool {
        let next = |steps: usize| at.checked_add(steps).and_then(|index| self.statement.get(index));
        match Word::of(next(1)).as_str() {
            "select" | "with" | "table" => true,
            // Also a column may be called so.
            "values" => next(2).is_some_and(|token| token.is_punct("(")),
            _ => false,
        }
    }

    /// What follows the list that begins at `at`; nothing when there are parentheses in it.
    fn behind_plain_list(&self, at: usize) -> Option<&Token<'a>> {
        let inside = self.statement.get(at.checked_add(1)?..)?;
        let end = inside.iter().position(|token| token.is_punct("(") || token.is_punct(")"))?;
        inside.get(end).filter(|token| token.is_punct(")"))?;
        inside.get(end.checked_add(1)?)
    }

    /// Whether some ON may be followed by an expression without parentheses, as that of JOIN and
    /// MERGE is; `on conflict('x')` may then be a call.
    fn has_join_condition(&self) -> bool {
        *self.has_join_condition.get_or_init(|| {
            self.statement.iter().any(|token| token.is_word("join") || token.is_word("merge"))
        })
    }

    fn has_distinct_on(&self) -> bool {
        *self.has_distinct_on.get_or_init(|| {
            let pairs = self.statement.windows(2);
            pairs.into_iter().any(|pair| match pair {
                [distinct, on] => distinct.is_word("distinct") && on.is_word("on"),
                _ => false,
            })
        })
    }

    fn back(&self, at: usize, steps: usize) -> Option<&'t Token<'a>> {
        at.checked_sub(steps).and_then(|index| self.statement.get(index))
    }

    /// The keyword so many tokens before; none behind a point, where every word is a name.
    fn word_back(&self, at: usize, steps: usize) -> Word {
        let is_field = self.back(at, steps.saturating_add(1)).is_some_and(is_point);
        Word::of(self.back(at, steps).filter(|_| !is_field))
    }
}

fn is_point(token: &Token<'_>) -> bool {
    token.is_punct(".")
}
