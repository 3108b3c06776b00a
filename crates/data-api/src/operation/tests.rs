//! Paths and names.

use super::Operation;

#[test]
fn every_path_leads_back_to_its_operation() {
    for operation in Operation::ALL {
        assert_eq!(Operation::from_path(operation.path()), Some(operation));
    }
}

#[test]
fn other_paths_lead_nowhere() {
    for path in ["", "/", "/execute", "/Execute/", "/Execute?x", "Execute", "/ExecuteStatement"] {
        assert_eq!(Operation::from_path(path), None, "{path}");
    }
}
