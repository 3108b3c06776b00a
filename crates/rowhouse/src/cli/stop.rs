//! Being asked to stop: SIGINT (Ctrl-C) and SIGTERM.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The two signals that ask to stop, heard from now on.
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Hears them from now on, instead of dying of them.
    pub fn listen() -> io::Result<StopSignals> {
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        Ok(StopSignals { interrupt: signal(interrupt)?, terminate: signal(terminate)? })
    }

    /// Waits for the next one. May be cancelled.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
