//! The operations of the service and where they live.

/// An operation of the Data API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Runs one statement.
    ExecuteStatement,
    /// Runs one statement once per set of parameters.
    BatchExecuteStatement,
    /// Opens a transaction.
    BeginTransaction,
    /// Commits a transaction.
    CommitTransaction,
    /// Rolls a transaction back.
    RollbackTransaction,
    /// Runs a list of statements, all or nothing. The gateway's own; AWS has nothing like it.
    ExecuteTransaction,
    /// The deprecated first operation: known, so that its refusal can say what to use instead.
    ExecuteSql,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Operation; 7] = [
        Operation::ExecuteStatement,
        Operation::BatchExecuteStatement,
        Operation::BeginTransaction,
        Operation::CommitTransaction,
        Operation::RollbackTransaction,
        Operation::ExecuteTransaction,
        Operation::ExecuteSql,
    ];

    /// The operation behind a request path; all of them are `POST`.
    pub fn from_path(path: &str) -> Option<Operation> {
        Operation::ALL.into_iter().find(|operation| operation.path() == path)
    }

    /// The request path, as in the service model.
    pub fn path(self) -> &'static str {
        match self {
            Operation::ExecuteStatement => "/Execute",
            Operation::BatchExecuteStatement => "/BatchExecute",
            Operation::BeginTransaction => "/BeginTransaction",
            Operation::CommitTransaction => "/CommitTransaction",
            Operation::RollbackTransaction => "/RollbackTransaction",
            Operation::ExecuteTransaction => "/ExecuteTransaction",
            Operation::ExecuteSql => "/ExecuteSql",
        }
    }

    /// The name in the service model, for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Operation::ExecuteStatement => "ExecuteStatement",
            Operation::BatchExecuteStatement => "BatchExecuteStatement",
            Operation::BeginTransaction => "BeginTransaction",
            Operation::CommitTransaction => "CommitTransaction",
            Operation::RollbackTransaction => "RollbackTransaction",
            Operation::ExecuteTransaction => "ExecuteTransaction",
            Operation::ExecuteSql => "ExecuteSql",
        }
    }
}

#[cfg(test)]
mod tests;
