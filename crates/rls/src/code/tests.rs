//! The table of codes is in order and reads back.

use super::Code;

#[test]
fn codes_are_distinct_ascending_and_read_back() {
    let texts: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert!(texts.is_sorted_by(|before, after| before < after), "{texts:?}");
    for (code, text) in Code::ALL.iter().zip(&texts) {
        assert_eq!(Code::parse(text), Some(*code));
        assert_eq!(code.to_string(), *text);
        assert!(text.len() == 5 && text.starts_with("RH"), "{text}");
    }
    for text in ["", "RH000", "rh001", "RH0011"] {
        assert_eq!(Code::parse(text), None);
    }
}

/// What the report's links lead to.
const DOCTOR: &str = include_str!("../../../../docs/doctor.md");

#[test]
fn every_code_has_its_section() {
    for code in Code::ALL {
        let heading = format!("\n### {code}\n");
        let section = DOCTOR.split(&heading).nth(1).unwrap_or_default();
        let text = section.lines().next().unwrap_or_default();
        assert!(text.len() > 20, "{code} has no section in docs/doctor.md");
        let noted = text.ends_with("Note.");
        assert_eq!(noted, code.severity() == crate::finding::Severity::Info, "{code}: {text}");
    }
    assert_eq!(DOCTOR.matches("\n### ").count(), Code::ALL.len());
}
