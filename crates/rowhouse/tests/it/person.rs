//! Callers as persons: who they are, what they name, what they say, and what they are told.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::client::{Client, Request};
use crate::signature::Signer;
use crate::token;

/// The resource of the trials' gateways.
pub const RESOURCE: &str = "arn:aws:rds:us-east-1:000000000000:cluster:it";
/// The same databases once more, strict.
pub const STRICT_RESOURCE: &str = "arn:aws:rds:us-east-1:000000000000:cluster:it-strict";
/// What the ARNs of secrets begin with.
const SECRETS: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:";

/// How a person proves who it is.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Not at all.
    None,
    /// By a token.
    Bearer(String),
    /// By an AWS signature.
    Aws(Box<Signer>),
}

/// A caller. Its connection is kept from one call to the next.
#[derive(Debug)]
pub struct Person {
    /// The door it goes to.
    pub door: SocketAddr,
    /// How it proves who it is.
    pub credential: Credential,
    /// What it names: resource, secret, database.
    pub target: Map<String, Value>,
    connection: RefCell<Option<Client>>,
}

/// The ARN of a secret.
pub fn secret(name: &str) -> String {
    format!("{SECRETS}{name}")
}

impl Person {
    /// A caller at a door, who uses the role that tenants use.
    pub fn new(door: SocketAddr, credential: Credential) -> Person {
        let mut target = Map::new();
        target.insert("resourceArn".to_owned(), RESOURCE.into());
        target.insert("secretArn".to_owned(), secret("app_user").into());
        Person { door, credential, target, connection: RefCell::new(None) }
    }

    /// A caller with a token for a tenant.
    pub fn of_tenant(door: SocketAddr, tenant: &str) -> Person {
        Person::new(door, Credential::Bearer(token::token(tenant)))
    }

    /// A caller with an access key.
    pub fn with_key(door: SocketAddr, id: &str, secret: &str) -> Person {
        Person::new(door, Credential::Aws(Box::new(Signer::new(id, secret))))
    }

    /// The same, who names another secret.
    pub fn via(self, name: &str) -> Person {
        self.naming("secretArn", &secret(name))
    }

    /// The same, who is answered as AWS does.
    pub fn strictly(self) -> Person {
        self.naming("resourceArn", STRICT_RESOURCE)
    }

    /// The same, who names something else.
    pub fn naming(mut self, member: &str, value: &str) -> Person {
        self.target.insert(member.to_owned(), value.into());
        self
    }

    /// The same person on another connection.
    pub fn again(&self) -> Person {
        let (credential, target) = (self.credential.clone(), self.target.clone());
        Person { door: self.door, credential, target, connection: RefCell::new(None) }
    }

    /// Runs one statement.
    #[track_caller]
    pub fn execute(&self, sql: &str) -> Answer {
        self.sql(sql).run()
    }

    /// The same, where the connection may not hold.
    pub fn try_execute(&self, sql: &str) -> io::Result<Answer> {
        self.try_call("/Execute", &self.body(json!({"sql": sql})))
    }

    /// A statement that something is added to.
    pub fn sql(&self, sql: &str) -> Call<'_> {
        Call { person: self, body: json!({"sql": sql}) }
    }

    /// Runs a statement for each set of parameters.
    #[track_caller]
    pub fn batch(&self, sql: &str, sets: &Value) -> Answer {
        self.call("/BatchExecute", &self.body(json!({"sql": sql, "parameterSets": sets})))
    }

    /// Begins a transaction.
    #[track_caller]
    pub fn begin(&self) -> Transaction<'_> {
        let id = self.call("/BeginTransaction", &self.body(json!({}))).ok().json();
        Transaction { person: self, id: id["transactionId"].as_str().unwrap().to_owned() }
    }

    /// A transaction that somebody else may have begun.
    pub fn transaction(&self, id: &str) -> Transaction<'_> {
        Transaction { person: self, id: id.to_owned() }
    }

    /// Calls an operation with a body.
    #[track_caller]
    pub fn call(&self, path: &str, body: &Value) -> Answer {
        self.try_call(path, body).unwrap()
    }

    /// The same, where the connection may not hold.
    pub fn try_call(&self, path: &str, body: &Value) -> io::Result<Answer> {
        self.try_send(&Request::post(path, body))
    }

    /// Sends a request with this person's credential.
    #[track_caller]
    pub fn send(&self, request: &Request) -> Answer {
        self.try_send(request).unwrap()
    }

    fn try_send(&self, request: &Request) -> io::Result<Answer> {
        let request = self.prove(request);
        let mut connection = self.connection.borrow_mut();
        let mut client = match connection.take() {
            Some(client) => client,
            None => Client::try_connect(self.door)?,
        };
        let answer = client.ask(&request)?;
        if client.is_kept() {
            *connection = Some(client);
        }
        Ok(answer)
    }

    /// The request with this person's credential.
    pub fn prove(&self, request: &Request) -> Request {
        match &self.credential {
            Credential::None => request.clone(),
            Credential::Bearer(token) => {
                request.clone().header("Authorization", format!("Bearer {token}"))
            }
            Credential::Aws(signer) => {
                let now = Signer { time: token::now(), ..(**signer).clone() };
                now.sign(request, self.door)
            }
        }
    }

    /// A statement as it stands in a request, with this person's credential.
    pub fn request(&self, sql: &str) -> Request {
        self.prove(&Request::post("/Execute", &self.body(json!({"sql": sql}))))
    }

    /// What is said, and what it is said to.
    pub fn body(&self, said: Value) -> Value {
        let Value::Object(mut body) = said else { panic!("not an object: {said}") };
        for (member, value) in &self.target {
            body.entry(member.as_str()).or_insert_with(|| value.clone());
        }
        Value::Object(body)
    }
}

/// A statement on its way.
pub struct Call<'p> {
    person: &'p Person,
    body: Value,
}

impl Call<'_> {
    /// Adds a parameter: a field as the API writes it.
    pub fn param(self, name: &str, field: impl Into<Value>) -> Self {
        let field: Value = field.into();
        self.parameter(json!({"name": name, "value": field}))
    }

    /// Adds a text.
    pub fn text(self, name: &str, value: &str) -> Self {
        self.param(name, json!({"stringValue": value}))
    }

    /// Adds an integer.
    pub fn long(self, name: &str, value: i64) -> Self {
        self.param(name, json!({"longValue": value}))
    }

    /// Adds a parameter as it is written.
    pub fn parameter(mut self, parameter: Value) -> Self {
        match self.body["parameters"].as_array_mut() {
            Some(parameters) => parameters.push(parameter),
            None => self.body["parameters"] = json!([parameter]),
        }
        self
    }

    /// Adds any other member.
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.body[member] = value.into();
        self
    }

    /// Says it.
    #[track_caller]
    pub fn run(self) -> Answer {
        self.person.call("/Execute", &self.person.body(self.body))
    }
}

/// An explicit transaction.
#[derive(Debug, Clone)]
pub struct Transaction<'p> {
    person: &'p Person,
    /// What names it.
    pub id: String,
}

impl<'p> Transaction<'p> {
    /// Runs one statement in it.
    #[track_caller]
    pub fn execute(&self, sql: &str) -> Answer {
        self.sql(sql).run()
    }

    /// A statement that something is added to.
    pub fn sql(&self, sql: &str) -> Call<'p> {
        self.person.sql(sql).with("transactionId", self.id.as_str())
    }

    /// Commits it.
    #[track_caller]
    pub fn commit(&self) -> Answer {
        self.try_end("/CommitTransaction").unwrap()
    }

    /// Rolls it back.
    #[track_caller]
    pub fn rollback(&self) -> Answer {
        self.try_end("/RollbackTransaction").unwrap()
    }

    fn try_end(&self, path: &str) -> io::Result<Answer> {
        let mut body = self.person.body(json!({"transactionId": self.id}));
        body.as_object_mut().unwrap().remove("database");
        self.person.try_call(path, &body)
    }
}
