//! A step towards what the node is to become.

use std::{fmt, io, time::Duration};

use crate::{
    config::NodeConfig,
    host::{Command, Host},
};

/// What a step ends with when nothing went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it must be; whether this step changed anything.
    Done {
        /// Whether it was otherwise before.
        changed: bool,
    },
    /// Something is not there yet that comes by itself: it is tried again after `again`.
    Waiting {
        /// What is awaited, for people, such as `cluster03 does not answer`.
        on: String,
        /// How long to wait.
        again: Duration,
    },
    /// It would be wrong to go on, and only a person can say what is right. It is looked at again later all the same.
    Blocked {
        /// Why, and what to do.
        reason: String,
    },
}

impl Outcome {
    /// Nothing was to be done.
    pub const KEPT: Self = Self::Done { changed: false };
    /// It is so now.
    pub const CHANGED: Self = Self::Done { changed: true };

    /// Waits some seconds.
    #[must_use]
    pub fn wait(on: impl Into<String>, seconds: u64) -> Self {
        Self::Waiting { on: on.into(), again: Duration::from_secs(seconds) }
    }

    /// Gives up until a person has done something.
    #[must_use]
    pub fn blocked(reason: impl Into<String>) -> Self {
        Self::Blocked { reason: reason.into() }
    }
}

/// Something went wrong that may go right the next time.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A call of the operating system failed.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done, with the path.
        what: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A program failed.
    #[error("`{command}` failed: {said}")]
    Command {
        /// The program and its arguments.
        command: String,
        /// Its last words.
        said: String,
    },
    /// What a program or a file says is not understood.
    #[error("{what} is not understood: {reason}")]
    Unexpected {
        /// The program or file.
        what: String,
        /// What is odd about it.
        reason: String,
    },
}

/// Says what was to be done when a call of the operating system failed.
pub trait Doing<T> {
    /// `what` is as in "`what`: No such file or directory".
    ///
    /// # Errors
    /// The same, with those words.
    fn doing(self, what: impl fmt::Display) -> Result<T, StepError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl fmt::Display) -> Result<T, StepError> {
        self.map_err(|source| StepError::Io { what: what.to_string(), source })
    }
}

/// Runs a program that must end well.
///
/// # Errors
/// When it cannot be started, or ends otherwise.
pub fn carry_out(host: &mut dyn Host, command: &Command) -> Result<(), StepError> {
    let output = host.run(command).doing(command)?;
    if output.is_ok() { Ok(()) } else { Err(StepError::Command { command: command.to_string(), said: output.last_words() }) }
}

/// A step.
pub trait Step {
    /// Its name in the journal and in messages, in lower case.
    fn name(&self) -> &'static str;
    /// What it is for, in words that follow the name: `the brick's partition and file system fill the card`.
    fn purpose(&self) -> &'static str;
    /// Whether it is taken although one before it is not done.
    fn stands_alone(&self) -> bool {
        false
    }
    /// Looks, does what is missing, and says how it stands. It is cut short anywhere and called again.
    ///
    /// # Errors
    /// When something went wrong; it is tried again with growing distance.
    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError>;
}
