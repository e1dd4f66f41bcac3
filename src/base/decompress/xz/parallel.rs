//! Decodes blocks on several threads and hands them on in order.

use std::{
    collections::BTreeMap,
    io::{BufReader, Cursor, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use lzma_rust2::XzReader;

use super::{
    super::{DecompressError, Format, explain, input::Input, output::Output},
    OVERHEAD,
    index::{self, Block},
    kibibytes,
};

/// What the threads share.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// A block may be begun when fewer than this many before it are not yet handed on.
    slots: usize,
}

#[derive(Default)]
struct State {
    next: usize,
    handed_on: usize,
    done: BTreeMap<usize, Result<Vec<u8>, DecompressError>>,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panics holds no lock: nothing under it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next block to decode.
    fn take(&self, count: usize) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.closed || state.next == count {
                return None;
            }
            if state.next < state.handed_on + self.slots {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.wait(state);
        }
    }

    fn put(&self, number: usize, result: Result<Vec<u8>, DecompressError>) {
        self.lock().done.insert(number, result);
        self.changed.notify_all();
    }

    /// The data of the next block in order.
    fn hand_on(&self) -> Result<Vec<u8>, DecompressError> {
        let mut state = self.lock();
        loop {
            let number = state.handed_on;
            if let Some(result) = state.done.remove(&number) {
                state.handed_on += 1;
                drop(state);
                self.changed.notify_all();
                return result;
            }
            state = self.wait(state);
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

/// Decodes `blocks` with `threads` threads; `dictionary` is the largest of the blocks' dictionaries.
pub(super) fn decode(
    input: &Input<'_>,
    blocks: &[Block],
    threads: usize,
    dictionary: u64,
    output: &mut Output<'_>,
) -> Result<(), DecompressError> {
    let queue = Queue { state: Mutex::default(), changed: Condvar::new(), slots: 2 * threads - 1 };
    let memory = kibibytes(dictionary.saturating_add(OVERHEAD));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(number) = queue.take(blocks.len()) {
                    // A decoder that panics on hostile bytes must not leave the others waiting for its block. It keeps nothing.
                    let result = catch_unwind(AssertUnwindSafe(|| decode_block(input, &blocks[number], memory)));
                    queue.put(number, result.unwrap_or_else(|_| Err(corrupt(number, "its decoder gave up"))));
                }
            });
        }
        let result = (0..blocks.len()).try_for_each(|_| output.write(&queue.hand_on()?));
        queue.close();
        result
    })
}

fn decode_block(input: &Input<'_>, block: &Block, memory: u32) -> Result<Vec<u8>, DecompressError> {
    let data = BufReader::with_capacity(64 << 10, input.part(block.start, block.padded()));
    let stream = Cursor::new(index::header(block.flags)).chain(data).chain(Cursor::new(index::end(block)));
    let mut decoder = XzReader::new_mem_limit(stream, false, memory);
    let fail = |error| explain(Format::Xz, input.size(), &error);
    // The size comes from the index and was held against the memory budget.
    let mut bytes = vec![0; usize::try_from(block.size).unwrap_or(usize::MAX)];
    decoder.read_exact(&mut bytes).map_err(fail)?;
    // Reading on to the end checks the block's check sum and sizes.
    match decoder.read(&mut [0]).map_err(fail)? {
        0 => Ok(bytes),
        _ => Err(corrupt(0, "a block is longer than the index says")),
    }
}

fn corrupt(number: usize, reason: &str) -> DecompressError {
    DecompressError::Corrupt { format: Format::Xz.name(), reason: format!("block {number}: {reason}") }
}
