//! Rust without its comments and strings: what rules about code may look at.
//!
//! Not a parser: only as much of Rust's lexical structure as it takes to know where a comment, a
//! string or a character begins and ends (<https://doc.rust-lang.org/reference/tokens.html>).

/// The text with every character of a comment and of a literal's inside made a space. Lines keep
/// their numbers and columns their places.
pub fn code_only(text: &str) -> String {
    let source: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&c) = source.get(at) {
        let Some(end) = literal(&source, at) else {
            code.push(c);
            at += 1;
            continue;
        };
        for &hidden in source.get(at..end).unwrap_or_default() {
            code.push(if hidden == '\n' { '\n' } else { ' ' });
        }
        at = end;
    }
    code
}

/// Where the comment or literal that begins here ends; `None` when none begins here.
fn literal(source: &[char], at: usize) -> Option<usize> {
    let rest = source.get(at..)?;
    let length = match rest {
        ['/', '/', ..] => rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => 1 + quoted(rest.get(1..)?),
        ['r' | 'b' | 'c', ..] if !continues_word(source, at) => prefixed(rest)?,
        ['\'', ..] => character(rest)?,
        _ => return None,
    };
    Some(at + length)
}

fn continues_word(source: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|index| source.get(index));
    before.is_some_and(|c| c.is_alphanumeric() || *c == '_')
}

/// Block comments nest.
fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            ['/', '*'] => (depth, at) = (depth + 1, at + 2),
            ['*', '/'] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a string after its opening quote, the closing one included.
fn quoted(rest: &[char]) -> usize {
    let mut at = 0;
    while let Some(&c) = rest.get(at) {
        match c {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `b"…"`, `c"…"`, `r"…"`, `br#"…"#` and so on.
fn prefixed(rest: &[char]) -> Option<usize> {
    let letters = rest.iter().take_while(|c| matches!(c, 'b' | 'c' | 'r')).count();
    let raw = rest.get(..letters)?.contains(&'r');
    let hashes = rest.iter().skip(letters).take_while(|c| **c == '#').count();
    let open = letters + hashes;
    if rest.get(open) != Some(&'"') || (hashes > 0 && !raw) {
        return None;
    }
    let inside = rest.get(open + 1..)?;
    if !raw {
        return Some(open + 1 + quoted(inside));
    }
    let is_end = |at: usize| {
        let closing = inside.get(at + 1..at + 1 + hashes);
        inside.get(at) == Some(&'"') && closing.is_some_and(|c| c.iter().all(|c| *c == '#'))
    };
    let end = (0..inside.len()).find(|&at| is_end(at));
    Some(end.map_or(rest.len(), |end| open + 1 + end + 1 + hashes))
}

/// `'x'` and `'\n'`, but not the lifetime `'x`.
fn character(rest: &[char]) -> Option<usize> {
    match rest {
        ['\'', '\\', _, tail @ ..] => Some(3 + tail.iter().position(|&c| c == '\'')? + 1),
        ['\'', _, '\'', ..] => Some(3),
        _ => None,
    }
}
