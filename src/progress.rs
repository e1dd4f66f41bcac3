//! How long work reports itself, and how it is told to stop. The command line decides what a user sees.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Where work reports itself.
pub trait Progress: Sync {
    /// Starts a piece of work; `total` is in bytes, `None` if it cannot be told.
    fn begin(&self, label: &str, total: Option<u64>) -> Box<dyn Bar>;

    /// Says one thing, as a line of its own.
    fn note(&self, text: &str);
}

/// One piece of work; dropping it ends it.
pub trait Bar: Send + Sync {
    /// So many more bytes are done.
    fn advance(&self, bytes: u64);

    /// So many bytes were there already: they count as done, but not for the speed.
    fn skip(&self, bytes: u64) {
        self.advance(bytes);
    }
}

/// Reports nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _label: &str, _total: Option<u64>) -> Box<dyn Bar> {
        Box::new(Self)
    }

    fn note(&self, _text: &str) {}
}

impl Bar for Silent {
    fn advance(&self, _bytes: u64) {}
}

/// Set once the user or the system wants the program to stop; long work looks at it between blocks.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks everything to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether to stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}
