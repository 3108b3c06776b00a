//! What operators say: a word, perhaps a name, perhaps a semicolon.

use std::fmt;

use rowhouse_protocol::scan::{self, Token, TokenKind};

use super::table::Heading;
use super::{figures, show, table};
use crate::error::{Error, Kind};
use crate::session::Scope;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Shows something.
    Show(Show),
    /// No connection is given out until it is resumed.
    Pause(Scope),
    /// Connections are given out again.
    Resume(Scope),
    /// Connections are replaced when they are free.
    Reconnect(Scope),
    /// Waits until all that are to be replaced are gone.
    WaitClose(Scope),
    /// No client is let in.
    Disable(String),
    /// Clients are let in again.
    Enable(String),
    /// A client has to go.
    KillClient(u64),
    /// The configuration is read again.
    Reload,
    /// What drivers say around other commands, and in front of them.
    Courtesy(Courtesy),
    /// Nothing.
    Empty,
}

/// What drivers say by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Courtesy {
    /// BEGIN.
    Begin,
    /// COMMIT.
    Commit,
    /// ROLLBACK.
    Rollback,
    /// SET of something.
    Set,
    /// RESET of something.
    Reset,
    /// DISCARD of something.
    Discard,
}

/// What can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// The commands.
    Help,
    /// The version.
    Version,
    /// Pools.
    Pools,
    /// Clients.
    Clients,
    /// Connections to PostgreSQL.
    Servers,
    /// Databases.
    Databases,
    /// Users.
    Users,
    /// Sums and averages of databases.
    Stats,
    /// Sums.
    StatsTotals,
    /// Averages.
    StatsAverages,
    /// Sums and averages of all databases together.
    Totals,
    /// How many there are of everything.
    Lists,
    /// The configuration.
    Config,
    /// Memory.
    Mem,
    /// Whether anything is paused.
    State,
}

/// What can be shown, by name.
const SHOWS: [(&str, Show); 15] = [
    ("help", Show::Help),
    ("version", Show::Version),
    ("pools", Show::Pools),
    ("clients", Show::Clients),
    ("servers", Show::Servers),
    ("databases", Show::Databases),
    ("users", Show::Users),
    ("stats", Show::Stats),
    ("stats_totals", Show::StatsTotals),
    ("stats_averages", Show::StatsAverages),
    ("totals", Show::Totals),
    ("lists", Show::Lists),
    ("config", Show::Config),
    ("mem", Show::Mem),
    ("state", Show::State),
];

/// All commands, for those who ask and those who err.
pub const HELP: &str = "SHOW HELP|VERSION|POOLS|CLIENTS|SERVERS|DATABASES|USERS|STATS|STATS_TOTALS|\
                        STATS_AVERAGES|TOTALS|LISTS|CONFIG|MEM|STATE, PAUSE [db], RESUME [db], \
                        RECONNECT [db], WAIT_CLOSE [db], DISABLE db, ENABLE db, KILL_CLIENT id, \
                        RELOAD";

impl Command {
    /// Reads a command.
    pub fn parse(text: &str) -> Result<Command, Error> {
        let mut tokens: Vec<Token<'_>> = scan::significant(text).collect();
        while tokens.last().is_some_and(|token| token.is_punct(";")) {
            tokens.pop();
        }
        let [word, rest @ ..] = tokens.as_slice() else { return Ok(Command::Empty) };
        if let Some(courtesy) = courtesy(word, rest) {
            return Ok(Command::Courtesy(courtesy));
        }
        let word = word.text.to_ascii_lowercase();
        let scope = || match rest {
            [] => Some(Scope::All),
            [one] => name(one).map(Scope::Database),
            _ => None,
        };
        let named = || if let [one] = rest { name(one) } else { None };
        let command = match word.as_str() {
            "show" => named().and_then(|what| {
                let known = SHOWS.iter().find(|(name, _)| what.eq_ignore_ascii_case(name));
                known.map(|(_, show)| Command::Show(*show))
            }),
            "pause" => scope().map(Command::Pause),
            "resume" => scope().map(Command::Resume),
            "reconnect" => scope().map(Command::Reconnect),
            "wait_close" => scope().map(Command::WaitClose),
            "disable" => named().map(Command::Disable),
            "enable" => named().map(Command::Enable),
            "kill_client" => named().and_then(|id| id.parse().ok()).map(Command::KillClient),
            "reload" if rest.is_empty() => Some(Command::Reload),
            _ => None,
        };
        command.ok_or_else(|| {
            let text = format!("the console does not know that command; there are: {HELP}");
            Error::new(Kind::Invalid, text)
        })
    }

    /// The columns of what it shows.
    pub fn headings(&self) -> Option<&'static [Heading]> {
        let Command::Show(show) = self else { return None };
        Some(match show {
            Show::Help => return None,
            Show::Version => &table::VERSION,
            Show::Pools => &show::POOLS,
            Show::Clients | Show::Servers => &show::SOCKETS,
            Show::Databases => &show::DATABASES,
            Show::Users => &show::USERS,
            Show::Stats => &figures::STATS,
            Show::StatsTotals => &figures::STATS_TOTALS,
            Show::StatsAverages => &figures::STATS_AVERAGES,
            Show::Totals => &figures::TOTALS,
            Show::Lists => &table::LISTS,
            Show::Config => &table::CONFIG,
            Show::Mem => &table::MEM,
            Show::State => &table::STATE,
        })
    }

    /// Whether it is a driver's, and nobody's wish.
    pub fn is_courtesy(&self) -> bool {
        matches!(self, Command::Courtesy(_) | Command::Empty)
    }

    /// How its completion is told.
    pub fn tag(&self) -> &'static str {
        match self {
            Command::Show(_) => "SHOW",
            Command::Pause(_) => "PAUSE",
            Command::Resume(_) => "RESUME",
            Command::Reconnect(_) => "RECONNECT",
            Command::WaitClose(_) => "WAIT_CLOSE",
            Command::Disable(_) => "DISABLE",
            Command::Enable(_) => "ENABLE",
            Command::KillClient(_) => "KILL_CLIENT",
            Command::Reload => "RELOAD",
            Command::Courtesy(Courtesy::Begin) => "BEGIN",
            Command::Courtesy(Courtesy::Commit) => "COMMIT",
            Command::Courtesy(Courtesy::Rollback) => "ROLLBACK",
            Command::Courtesy(Courtesy::Set) => "SET",
            Command::Courtesy(Courtesy::Reset) => "RESET",
            Command::Courtesy(Courtesy::Discard) => "DISCARD ALL",
            Command::Empty => "",
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())?;
        match self {
            Command::Show(show) => {
                let name = SHOWS.iter().find(|(_, own)| own == show).map_or("", |(name, _)| name);
                write!(f, " {}", name.to_ascii_uppercase())
            }
            Command::Pause(Scope::Database(name))
            | Command::Resume(Scope::Database(name))
            | Command::Reconnect(Scope::Database(name))
            | Command::WaitClose(Scope::Database(name))
            | Command::Disable(name)
            | Command::Enable(name) => write!(f, " {name:?}"),
            Command::KillClient(number) => write!(f, " {number}"),
            _ => Ok(()),
        }
    }
}

/// A word as it stands there, or what is in its quotes.
fn name(token: &Token<'_>) -> Option<String> {
    match token.kind {
        TokenKind::QuotedIdent => {
            let inside = token.text.strip_prefix('"')?.strip_suffix('"')?;
            Some(inside.replace("\"\"", "\""))
        }
        TokenKind::Ident | TokenKind::Number => Some(token.text.to_owned()),
        _ => None,
    }
}

fn courtesy(word: &Token<'_>, rest: &[Token<'_>]) -> Option<Courtesy> {
    let first = rest.first();
    let transaction = first.is_some_and(|first| first.is_word("transaction"));
    Some(match () {
        () if word.is_word("begin") || word.is_word("start") && transaction => Courtesy::Begin,
        () if word.is_word("commit") || word.is_word("end") => Courtesy::Commit,
        () if word.is_word("rollback") || word.is_word("abort") => Courtesy::Rollback,
        () if word.is_word("set") && rest.len() > 1 => Courtesy::Set,
        () if word.is_word("reset") && rest.len() == 1 => Courtesy::Reset,
        () if word.is_word("discard") && first.is_some_and(|first| first.is_word("all")) => {
            Courtesy::Discard
        }
        () => return None,
    })
}

#[cfg(test)]
mod tests;
