//! What came back, and what it should have been.

use serde_json::{Value, json};

/// An answer to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The exception's name; empty when it is a success.
    pub fn exception(&self) -> &str {
        self.header("x-amzn-errortype").unwrap_or_default()
    }

    /// The sentence of a failure.
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The SQLSTATE at the end of a failure's sentence.
    pub fn sqlstate(&self) -> String {
        let message = self.message();
        message.rsplit_once("SQLState: ").map_or_else(String::new, |(_, code)| code.to_owned())
    }

    /// Insists on a success.
    #[track_caller]
    pub fn ok(self) -> Answer {
        assert!(self.status == 200, "{} {}", self.status, self.text());
        self
    }

    /// Insists on a failure of this name with this in its sentence.
    #[track_caller]
    pub fn fails(self, exception: &str, sentence: &str) -> Answer {
        let status = match exception {
            "AccessDeniedException"
            | "ExpiredTokenException"
            | "InvalidSignatureException"
            | "UnrecognizedClientException" => 403,
            "TransactionNotFoundException" | "UnknownOperationException" => 404,
            "DatabaseUnavailableException" => 504,
            "ServiceUnavailableError" => 503,
            _ => 400,
        };
        let text = self.text();
        let fits = self.status == status && self.exception() == exception;
        let fits = fits && (sentence.is_empty() || self.message().contains(sentence));
        assert!(fits, "not {status} {exception} {sentence:?} but {} {text}", self.status);
        assert_eq!(self.json()["__type"], exception, "{text}");
        self
    }

    /// Insists on an error of PostgreSQL with this SQLSTATE.
    #[track_caller]
    pub fn fails_with(self, sqlstate: &str) -> Answer {
        self.fails("DatabaseErrorException", &format!("; SQLState: {sqlstate}"))
    }

    /// The records of a success, each field as the plain value it holds.
    #[track_caller]
    pub fn rows(&self) -> Value {
        assert!(self.status == 200, "{} {}", self.status, self.text());
        let json = self.json();
        let Some(records) = json["records"].as_array() else { return Value::Null };
        let row = |row: &Value| row.as_array().unwrap().iter().map(plain).collect::<Value>();
        records.iter().map(row).collect()
    }

    /// The one value of the one row.
    #[track_caller]
    pub fn value(&self) -> Value {
        let rows = self.rows();
        assert!(rows[0][0] != Value::Null || rows == json!([[null]]), "not one value: {rows}");
        rows[0][0].clone()
    }

    /// The one value of the one row, as text.
    #[track_caller]
    pub fn word(&self) -> String {
        match self.value() {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }
}

/// A field has one member: the value, whatever the member is called.
fn plain(field: &Value) -> Value {
    let members = field.as_object().unwrap();
    assert_eq!(members.len(), 1, "a field has exactly one member: {field}");
    let (name, value) = members.iter().next().unwrap();
    match name.as_str() {
        "isNull" => Value::Null,
        "arrayValue" => value.as_object().unwrap().values().next().cloned().unwrap_or_default(),
        _ => value.clone(),
    }
}
