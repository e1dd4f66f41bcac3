//! Why an order to glusterd was not carried out.

use std::io;

use crate::step::StepError;

/// Why an order to glusterd was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GlusterError {
    /// No daemon answers.
    #[error("glusterd does not answer")]
    Down,
    /// It says no.
    #[error("`{command}`: {said} ({errno})")]
    Refused {
        /// The order.
        command: String,
        /// `opErrno`.
        errno: i32,
        /// `opErrstr`.
        said: String,
    },
    /// The answer did not come in time; what was ordered may still happen.
    #[error("`{0}` got no answer in time")]
    Late(String),
    /// The answer is not understood.
    #[error("`{command}`: {reason}")]
    Odd {
        /// The order.
        command: String,
        /// What is odd.
        reason: String,
    },
    /// The program cannot be started.
    #[error("`{command}`: {source}")]
    Start {
        /// The order.
        command: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl GlusterError {
    /// Whether another order is being carried out, or one that died still has its lock. The lock's own timer ends it after 180 seconds.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Refused { said, .. }
            if said.contains("Locking failed") || said.contains("Another transaction") || said.contains("another transaction"))
    }
}

impl From<GlusterError> for StepError {
    fn from(error: GlusterError) -> Self {
        match error {
            GlusterError::Down => Self::Command { command: "gluster".into(), said: error.to_string() },
            GlusterError::Refused { command, said, .. } => Self::Command { command, said },
            GlusterError::Late(command) => Self::Command { command, said: "no answer in time".into() },
            GlusterError::Odd { command, reason } => Self::Unexpected { what: format!("the answer of `{command}`"), reason },
            GlusterError::Start { command, source } => Self::Io { what: command, source },
        }
    }
}
