//! A PostgreSQL as far as a dialogue can tell: it reads messages, keeps transactions, statements
//! and portals by PostgreSQL's rules, and knows a dozen statements. It notes what was committed,
//! and fails where a statement runs whose tenant was not said.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use bytes::{BufMut, BytesMut};
use rowhouse_protocol::frame::{self, HEADER_LEN};
use rowhouse_protocol::request::{Named, Request};
use rowhouse_protocol::statement::statements;

use crate::session::conversation::nature::is_control;

/// Rows of every select.
const ROWS: usize = 2;
/// More than any message here.
const BODY_BYTES_MAX: usize = 100_000;

/// Why something fails: a SQLSTATE.
pub type Code = &'static str;

/// What a text is refused with before it is looked at.
pub type Refusal = dyn Fn(&str, bool) -> Option<Code>;

/// What it is to be like.
#[derive(Clone)]
pub struct Manner {
    /// Statements that run without their tenant fail the test.
    pub walled: bool,
    /// `do` makes the session another tenant's.
    pub spoils: bool,
    /// As 18: a simple query behind an Execute does not end the transaction of both.
    pub lingering: bool,
    /// Refuses texts, given whether they stand in a block.
    pub refusal: Rc<Refusal>,
    /// What was committed, of all servers.
    pub committed: Rc<RefCell<Vec<String>>>,
}

/// Who the session reads and writes for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tenant {
    Unsaid,
    Said,
    /// Planning this portal may have made it another.
    PlannedBy(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    Open,
    Failed,
}

#[derive(Debug, Clone)]
struct Portal {
    sql: String,
    rows_told: usize,
    done: bool,
}

/// A session of it.
pub struct Server {
    manner: Manner,
    incoming: BytesMut,
    /// What it answers.
    pub answers: BytesMut,
    statements: HashMap<String, String>,
    portals: HashMap<String, Portal>,
    block: Block,
    tenant: Tenant,
    /// Changes of the transaction, and how many there were at the savepoint.
    pending: Vec<String>,
    savepoint: Option<usize>,
    /// A command has begun that nothing has finished (`xact_started` in postgres.c).
    begun: bool,
    /// An Execute has ended in this transaction (`XACT_FLAGS_PIPELINING`).
    pipelining: bool,
    /// A block that nobody has asked for (`TBLOCK_IMPLICIT_INPROGRESS`).
    implicit: bool,
    skipping: bool,
    /// Statements of a text that wait for the one that runs.
    texts: VecDeque<String>,
    /// There are several in this text.
    several: bool,
    copying: bool,
    in_query: bool,
}

impl Server {
    /// A new session.
    pub fn new(manner: Manner) -> Server {
        Server {
            manner,
            incoming: BytesMut::new(),
            answers: BytesMut::new(),
            statements: HashMap::new(),
            portals: HashMap::new(),
            block: Block::None,
            tenant: Tenant::Unsaid,
            pending: Vec::new(),
            savepoint: None,
            begun: false,
            pipelining: false,
            implicit: false,
            skipping: false,
            texts: VecDeque::new(),
            several: false,
            copying: false,
            in_query: false,
        }
    }

    /// Reads what has come.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.incoming.extend_from_slice(bytes);
        while let Ok(Some(header)) = frame::peek(&self.incoming, BODY_BYTES_MAX) {
            if self.incoming.len() < header.len {
                return;
            }
            let message = self.incoming.split_to(header.len);
            let body = message.get(HEADER_LEN..).unwrap_or_default();
            match Request::decode(header.tag, body) {
                Ok(request) => self.take(&request, body),
                Err(error) => panic!("PostgreSQL was told what is no message: {error}"),
            }
        }
    }

    /// Nothing runs and nothing is open: whoever comes next finds nothing of this one.
    pub fn is_at_rest(&self) -> bool {
        let open = self.block != Block::None || self.implicit || self.copying || self.skipping;
        !open && self.incoming.is_empty() && self.pending.is_empty()
    }

    fn take(&mut self, request: &Request<'_>, body: &[u8]) {
        if self.copying {
            return self.take_copy(request);
        }
        if self.skipping && *request != Request::Sync {
            return;
        }
        let taken = match request {
            Request::Query { sql } => {
                self.query(sql);
                return;
            }
            Request::Sync => {
                self.skipping = false;
                self.implicit = false;
                self.finish();
                self.ready();
                return;
            }
            Request::Parse { name, sql, .. } => self.parse(name, sql),
            Request::Bind { portal, statement, .. } => self.bind(portal, statement),
            Request::Describe(what, name) => self.describe(*what, name),
            Request::Execute { portal } => {
                let max = body.last_chunk().copied().map_or(0, u32::from_be_bytes);
                self.execute(portal, usize::try_from(max).unwrap_or_default())
            }
            Request::Close(Named::Statement, name) => {
                self.statements.remove(*name);
                self.answer(b'3', b"");
                Ok(())
            }
            Request::Close(Named::Portal, name) => {
                self.portals.remove(*name);
                self.answer(b'3', b"");
                Ok(())
            }
            // A stream whose COPY has failed is still coming.
            Request::CopyData | Request::CopyDone | Request::CopyFail | Request::Flush => Ok(()),
            Request::FunctionCall | Request::Terminate => panic!("{request:?}"),
        };
        if let Err(code) = taken {
            self.fail(code);
            self.skipping = true;
        }
    }

    fn parse(&mut self, name: &str, sql: &str) -> Result<(), Code> {
        self.begin();
        if name.is_empty() {
            self.statements.remove("");
        }
        self.check_text(sql)?;
        if self.block == Block::Failed && !exits(sql) {
            return Err("25P02");
        }
        if !name.is_empty() && self.statements.contains_key(name) {
            return Err("42P05");
        }
        self.statements.insert(name.to_owned(), sql.to_owned());
        self.answer(b'1', b"");
        Ok(())
    }

    fn bind(&mut self, portal: &str, statement: &str) -> Result<(), Code> {
        self.begin();
        let sql = self.statements.get(statement).cloned().ok_or("26000")?;
        if self.block == Block::Failed && (!exits(&sql) || sql.is_empty()) {
            return Err("25P02");
        }
        if !portal.is_empty() && self.portals.contains_key(portal) {
            return Err("42P03");
        }
        if sql.starts_with("do") && self.manner.spoils {
            self.tenant = Tenant::PlannedBy(portal.to_owned());
        }
        let made = Portal { sql, rows_told: 0, done: false };
        self.portals.insert(portal.to_owned(), made);
        self.answer(b'2', b"");
        Ok(())
    }

    fn describe(&mut self, what: Named, name: &str) -> Result<(), Code> {
        self.begin();
        let (sql, unknown) = match what {
            Named::Statement => (self.statements.get(name).cloned(), "26000"),
            Named::Portal => (self.portals.get(name).map(|known| known.sql.clone()), "34000"),
        };
        let sql = sql.ok_or(unknown)?;
        let returns_rows = sql.starts_with("select");
        // PostgreSQL describes statements without rows all the same (docs/wire.md).
        if self.block == Block::Failed && !exits(&sql) {
            return Err("25P02");
        }
        if what == Named::Statement {
            self.answer(b't', &[0, 0]);
        }
        self.answer(if returns_rows { b'T' } else { b'n' }, &[]);
        Ok(())
    }

    fn execute(&mut self, name: &str, max: usize) -> Result<(), Code> {
        self.begin();
        let portal = self.portals.get(name).cloned().ok_or("34000")?;
        let sql = portal.sql.as_str();
        if sql.starts_with("select") && sql != "select 1/0" {
            self.check_may_run(sql, Some(name))?;
            if sql.contains("set_config") && !sql.contains("false") {
                self.tenant = Tenant::Said;
            }
            let left = ROWS - portal.rows_told;
            let told = if max == 0 { left } else { left.min(max) };
            (0..told).for_each(|_| self.answer(b'D', b""));
            let suspended = max > 0 && told == max;
            if let Some(known) = self.portals.get_mut(name) {
                known.rows_told += told;
            }
            match suspended {
                true => self.answer(b's', b""),
                false => self.answer(b'C', format!("SELECT {told}\0").as_bytes()),
            }
        } else {
            if portal.done {
                return Err(if self.block == Block::Failed { "25P02" } else { "55000" });
            }
            self.run(sql, Some(name))?;
            if let Some(known) = self.portals.get_mut(name) {
                known.done = true;
            }
        }
        self.pipelining |= self.begun;
        Ok(())
    }

    fn query(&mut self, text: &str) {
        self.begin();
        self.statements.remove("");
        if let Err(code) = self.check_text(text) {
            self.fail(code);
            return self.end_query();
        }
        if self.block != Block::Failed {
            self.portals.remove("");
        }
        let parts = statements(text).into_iter().map(|part| part.text.trim().to_owned());
        let mut parts: VecDeque<String> = parts.collect();
        // Several statements are one transaction (`BeginImplicitTransactionBlock`).
        self.several = parts.len() > 1;
        if parts.is_empty() {
            parts.push_back(String::new());
        }
        self.texts = parts;
        self.in_query = true;
        self.run_texts();
    }

    fn run_texts(&mut self) {
        while let Some(sql) = self.texts.pop_front() {
            self.implicit |= self.several && self.block == Block::None;
            if let Err(code) = self.run_shown(&sql) {
                self.texts.clear();
                self.fail(code);
            } else if self.copying {
                return;
            }
        }
        self.end_query();
    }

    fn end_query(&mut self) {
        self.in_query = false;
        // A block of several statements ends with its text; one of a pipeline goes on.
        self.implicit &= !self.several;
        self.finish();
        self.ready();
    }

    /// With a description before the rows, as a simple query has.
    fn run_shown(&mut self, sql: &str) -> Result<(), Code> {
        if !sql.starts_with("select") || sql == "select 1/0" {
            return self.run(sql, None);
        }
        self.check_may_run(sql, None)?;
        self.answer(b'T', b"");
        (0..ROWS).for_each(|_| self.answer(b'D', b""));
        self.answer(b'C', format!("SELECT {ROWS}\0").as_bytes());
        Ok(())
    }

    fn run(&mut self, sql: &str, portal: Option<&str>) -> Result<(), Code> {
        self.check_may_run(sql, portal)?;
        let completed = match sql {
            "" => {
                self.answer(b'I', b"");
                return Ok(());
            }
            "begin" => {
                if self.block == Block::Open {
                    self.answer(b'N', b"");
                }
                self.block = Block::Open;
                self.implicit = false;
                "BEGIN"
            }
            "commit" | "rollback" => {
                if self.block == Block::None {
                    self.answer(b'N', b"");
                }
                let commits = sql == "commit" && self.block != Block::Failed;
                self.end_transaction(commits);
                if commits { "COMMIT" } else { "ROLLBACK" }
            }
            "savepoint s" if self.block == Block::Open => {
                self.savepoint = Some(self.pending.len());
                "SAVEPOINT"
            }
            "rollback to s" if self.block != Block::None => {
                let len = self.savepoint.ok_or("3B001")?;
                self.pending.truncate(len);
                self.block = Block::Open;
                self.portals.clear();
                "ROLLBACK"
            }
            "savepoint s" | "rollback to s" => return Err("25P01"),
            "select 1/0" => return Err("22012"),
            "do" => {
                if self.manner.spoils {
                    self.tenant = Tenant::Unsaid;
                }
                "DO"
            }
            "set a.b = 1" => "SET",
            "copy t from stdin" => {
                self.copying = true;
                self.answer(b'G', &[0, 0, 0]);
                return Ok(());
            }
            "copy t to stdout" => {
                self.answer(b'H', &[0, 0, 0]);
                self.answer(b'd', b"x");
                self.answer(b'c', b"");
                "COPY 1"
            }
            sql => {
                self.pending.push(sql.to_owned());
                "INSERT 0 1"
            }
        };
        self.answer(b'C', format!("{completed}\0").as_bytes());
        Ok(())
    }

    /// The wall: what reads or writes rows finds its own tenant said, in this transaction.
    fn check_may_run(&self, sql: &str, portal: Option<&str>) -> Result<(), Code> {
        if self.block == Block::Failed && !exits(sql) {
            return Err("25P02");
        }
        let harmless = statements(sql).iter().all(|part| is_control(part.verb));
        if self.manner.walled && !harmless && !sql.contains("set_config") {
            let own = |by: &String| portal == Some(by.as_str());
            let said = match &self.tenant {
                Tenant::Unsaid => false,
                Tenant::Said => true,
                Tenant::PlannedBy(by) => own(by),
            };
            assert!(said, "{sql:?} runs, and nobody has said whose it is");
        }
        Ok(())
    }

    fn take_copy(&mut self, request: &Request<'_>) {
        match request {
            Request::CopyData | Request::Flush | Request::Sync => return,
            Request::CopyDone => {
                self.copying = false;
                self.pending.push("copied".to_owned());
                self.answer(b'C', b"COPY 2\0");
            }
            Request::CopyFail => {
                self.copying = false;
                self.texts.clear();
                self.fail("57014");
                self.skipping = !self.in_query;
            }
            // "unexpected message type during COPY from stdin": only whom the server has lied to
            // says such a thing.
            _ => {
                self.copying = false;
                self.texts.clear();
                self.fail("08P01");
                self.skipping = !self.in_query;
            }
        }
        if self.in_query {
            self.run_texts();
        } else {
            self.pipelining |= self.begun;
        }
    }

    fn check_text(&self, sql: &str) -> Result<(), Code> {
        if let Some(code) = (self.manner.refusal)(sql, self.block == Block::Open) {
            return Err(code);
        }
        if sql.contains("selec ") || sql == "selec" { Err("42601") } else { Ok(()) }
    }

    /// `start_xact_command` in postgres.c.
    fn begin(&mut self) {
        let lingers = self.manner.lingering && self.pipelining && self.block == Block::None;
        self.implicit |= self.begun && lingers;
        self.begun = true;
    }

    /// `finish_xact_command` in postgres.c.
    fn finish(&mut self) {
        if std::mem::take(&mut self.begun) && self.block == Block::None && !self.implicit {
            self.end_transaction(true);
        }
    }

    fn fail(&mut self, code: Code) {
        self.answer(b'E', format!("SERROR\0VERROR\0C{code}\0Mno\0\0").as_bytes());
        match self.block {
            Block::None => self.end_transaction(false),
            Block::Open | Block::Failed => self.block = Block::Failed,
        }
    }

    fn end_transaction(&mut self, commits: bool) {
        let changes = std::mem::take(&mut self.pending);
        if commits {
            self.manner.committed.borrow_mut().extend(changes);
        }
        self.block = Block::None;
        self.tenant = Tenant::Unsaid;
        self.savepoint = None;
        (self.implicit, self.pipelining) = (false, false);
        self.portals.clear();
    }

    fn ready(&mut self) {
        let status = match self.block {
            Block::None if self.implicit => b'T',
            Block::None => b'I',
            Block::Open => b'T',
            Block::Failed => b'E',
        };
        self.answer(b'Z', &[status]);
    }

    fn answer(&mut self, tag_byte: u8, body: &[u8]) {
        self.answers.put_u8(tag_byte);
        self.answers.put_u32(u32::try_from(body.len() + 4).unwrap_or_default());
        self.answers.put_slice(body);
    }
}

/// What a transaction that has failed still takes (`IsTransactionExitStmt` in postgres.c).
fn exits(sql: &str) -> bool {
    ["commit", "rollback", "rollback to s", ""].contains(&sql)
}
