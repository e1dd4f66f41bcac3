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

/// Closes the queue when it is dropped, however that comes: a scope waits for its threads.
struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
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
    decode_with(input, blocks, threads, dictionary, output, &|_| thread::Builder::new())
}

/// As [`decode`]; `builder` tells how to start the thread with this number.
fn decode_with(
    input: &Input<'_>,
    blocks: &[Block],
    threads: usize,
    dictionary: u64,
    output: &mut Output<'_>,
    builder: &dyn Fn(usize) -> thread::Builder,
) -> Result<(), DecompressError> {
    let queue = Queue { state: Mutex::default(), changed: Condvar::new(), slots: 2 * threads - 1 };
    let memory = kibibytes(dictionary.saturating_add(OVERHEAD));
    thread::scope(|scope| {
        let _closing = Closing(&queue);
        for number in 0..threads {
            let work = || {
                while let Some(number) = queue.take(blocks.len()) {
                    // A decoder that panics on hostile bytes must not leave the others waiting for its block. It keeps nothing.
                    let result = catch_unwind(AssertUnwindSafe(|| decode_block(input, &blocks[number], memory)));
                    queue.put(number, result.unwrap_or_else(|_| Err(corrupt(number, "its decoder gave up"))));
                }
            };
            match builder(number).spawn_scoped(scope, work) {
                Ok(_) => {}
                Err(source) if number == 0 => return Err(DecompressError::Io { action: "starting a thread", source }),
                // Those that are there do its part.
                Err(_) => break,
            }
        }
        (0..blocks.len()).try_for_each(|_| output.write(&queue.hand_on()?))
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

#[cfg(test)]
mod tests {
    use std::{process::Command, sync::atomic::AtomicU64};

    use super::*;
    use crate::progress::{Silent, Stop};

    #[test]
    fn without_all_threads_fewer_decode_and_without_any_it_fails() {
        let script = "head -c 1000000 /dev/zero | xz --block-size=50000 -T2 -c";
        let packed = Command::new("sh").args(["-ec", script]).output().unwrap().stdout;
        for startable in [0, 1, 2, 4] {
            // No system has room for such a stack.
            let builder = |number| if number < startable { thread::Builder::new() } else { thread::Builder::new().stack_size(1 << 60) };
            let (stop, read, file) = (Stop::default(), AtomicU64::new(0), tempfile::tempfile().unwrap());
            let input = Input::new(&packed, &stop, &Silent, &read);
            let mut output = Output::new(&file, "xz", packed.len() as u64, &read, &stop);
            let blocks = index::read(&input).unwrap().unwrap();
            assert_eq!(blocks.len(), 20);
            let result = decode_with(&input, &blocks, 4, 8 << 20, &mut output, &builder);
            match startable {
                0 => assert!(matches!(result, Err(DecompressError::Io { action: "starting a thread", .. })), "{result:?}"),
                _ => assert_eq!((result.is_ok(), output.size()), (true, 1_000_000), "{startable}"),
            }
        }
    }
}
