//! The table covers every kind, for the AWS door and as SQLSTATE; what is private stays private.

use super::*;

#[test]
fn every_kind_has_a_row_and_shows_no_cause() {
    for kind in Kind::ALL {
        let error = Error::new(kind, "public").because("private: role secret_owner at 10.0.0.7");
        let fault = error.fault();
        assert!((400..=599).contains(&fault.exception.status()), "{kind:?}");
        assert_eq!(error.sqlstate().as_str().len(), 5, "{kind:?}");
        let shown = format!("{error} {}", String::from_utf8_lossy(&fault.body()));
        assert!(!shown.contains("private"), "{kind:?}: {shown}");
    }
}

#[test]
fn what_may_have_been_committed_is_never_a_5xx() {
    for kind in [Kind::OutcomeUnknown, Kind::ResultTooLarge, Kind::StatementTimeout, Kind::Sql] {
        assert!(Error::new(kind, "x").fault().exception.status() < 500, "{kind:?}");
    }
}

#[test]
fn failed_identity_is_one_sentence_for_all_reasons() {
    let bodies: Vec<Vec<u8>> = ["expired", "alg none", "unknown kid"]
        .into_iter()
        .map(|reason| Error::identity(reason).fault().body())
        .collect();
    assert!(bodies.windows(2).all(|pair| pair.first() == pair.last()));
}
