//! Requests as bytes, answers as bytes.

use super::answer::length;
use super::request::Request;

#[test]
fn requests_keep_their_length() {
    let address = "127.0.0.1:8080".parse().unwrap();
    let request = Request::new(address, "token", 7, ["cluster", "secret", "d"], "select :id");
    for (id, shown) in [(1, "     1"), (42, "    42"), (999_999, "999999")] {
        let mut bytes = b"what was there before".to_vec();
        request.write(id, &mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(body.contains(&format!("\"longValue\": {shown}}}")), "{body}");
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(json["parameters"][0]["value"]["longValue"], id);
    }
}

#[test]
fn answers_are_checked() {
    let address = "127.0.0.1:8080".parse().unwrap();
    let request = Request::new(address, "token", 7, ["cluster", "secret", "d"], "select :id");
    let answer = |status: &str, tenant: usize, id: usize, name: usize| {
        format!(
            "HTTP/1.1 {status}\r\n\r\n{{\"records\":[[{{\"longValue\":{tenant}}},\
             {{\"longValue\":{id}}},{{\"stringValue\":\"item {id} of tenant {name}\"}}]]}}"
        )
    };
    let cases = [
        (answer("200 OK", 7, 42, 7), true),
        (answer("500 Oh", 7, 42, 7), false),
        (answer("200 OK", 8, 42, 7), false),
        (answer("200 OK", 7, 43, 7), false),
        (answer("200 OK", 7, 42, 8), false),
        ("HTTP/1.1 200 OK\r\n\r\n{\"records\":[]}".to_owned(), false),
        (String::new(), false),
    ];
    for (text, expected) in cases {
        assert_eq!(request.is_answer(42, text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn lengths() {
    let cases: [(&str, Option<usize>); 6] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Some(43)),
        ("HTTP/1.1 200 OK\r\ncontent-length:12\r\nA: b\r\n\r\nhel", Some(56)),
        ("HTTP/1.1 204 No\r\n\r\n", Some(19)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r", None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", None),
        ("", None),
    ];
    for (text, expected) in cases {
        assert_eq!(length(text.as_bytes()), expected, "{text:?}");
    }
}
