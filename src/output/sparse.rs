//! Images as sparse files: every byte is read once, hashed on its way, and written once for every image.
//!
//! The first image, and what differs in others, is read from its sources, hashed and written, block by block on all threads. What
//! others share with the first one is then copied out of its file, inside the kernel and by reference where the host can.

use std::{
    fmt,
    fs::File,
    io,
    num::NonZeroUsize,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use sha2::{Digest as _, Sha256};

use super::{
    OutputError,
    digest::{self, BLOCK, Mapped, Range, Ranges, Sum},
    error,
    platform::Host,
};
use crate::{
    disk::{Extents, Source, Storage as _},
    progress::{Bar, Progress, Stop},
};

/// Bytes between two looks at the stop flag; small enough to stay in a processor's cache from reading to writing.
const PIECE: u64 = 256 << 10;

/// An image and the empty file it goes to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its final name, for messages.
    pub path: &'a Path,
    /// The file, open for reading and writing.
    pub file: &'a File,
    /// The image.
    pub image: &'a Extents,
}

/// How to write.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Number of threads; changes no byte.
    pub jobs: NonZeroUsize,
    /// Whether to make a SHA-256 of what each whole file must hold, which reads all sources once more.
    pub whole: bool,
    /// What writes.
    pub host: &'a dyn Host,
    /// Where to report.
    pub progress: &'a dyn Progress,
    /// When to give up.
    pub stop: &'a Stop,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("jobs", &self.jobs).field("whole", &self.whole).field("host", &self.host).finish_non_exhaustive()
    }
}

/// An image that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its ranges and their digests.
    pub ranges: Ranges,
    /// Bytes that are not holes in the file.
    pub stored: u64,
    /// SHA-256 of the whole file, if asked for.
    pub sha256: Option<Sum>,
}

/// Bytes that the images need in `folder`, and those that it has. Zeroes in the sources count, although they will not be stored.
///
/// # Errors
/// [`OutputError::NoSpace`] when they cannot fit.
pub fn check_room(folder: &Path, images: &[&Extents], host: &dyn Host) -> Result<u64, OutputError> {
    let shares = host.shares_blocks(folder);
    let Some(first) = images.first() else { return Ok(0) };
    let needed = images.iter().enumerate().flat_map(|(index, image)| {
        let ranges = digest::mapped(image).into_iter().filter(|range| !range.zero);
        ranges.filter(move |range| index == 0 || !shares || !digest::is_shared(first, image, *range)).map(|range| range.len)
    });
    let needed = needed.sum();
    match host.available(folder).map_err(error::io("look for free space in", folder))? {
        Some(available) if available < needed => {
            Err(OutputError::NoSpace { path: folder.to_owned(), needed: Some(needed), available: Some(available) })
        }
        _ => Ok(needed),
    }
}

/// Writes all images; their files are neither synced nor renamed.
///
/// # Errors
/// When a source cannot be read, a file cannot be written, or the stop flag is set.
pub fn write(targets: &[Target<'_>], options: &Options<'_>) -> Result<Vec<Written>, OutputError> {
    let plans: Vec<Plan> = targets.iter().map(|target| Plan::new(targets[0].image, target.image)).collect();
    for (index, target) in targets.iter().enumerate() {
        target.file.set_len(target.image.size()).map_err(failed(target, options.host))?;
        debug_assert!(index > 0 || plans[0].ranges.iter().all(|range| range.twin.is_none()));
    }
    let total = plans.iter().flat_map(|plan| &plan.ranges).filter(|range| !range.mapped.zero).map(|range| range.mapped.len).sum();
    let bar = options.progress.begin("writing images", Some(total));
    let work = Work { targets, options, bar: &*bar };

    let fresh: Vec<(usize, usize)> = indices(&plans).filter(|(t, r)| plans[*t].ranges[*r].is_fresh()).collect();
    let made = in_parallel(options.jobs, &fresh, |&(t, r), buffer| work.hash_and_write(t, plans[t].ranges[r].mapped, buffer))?;
    let mut done: Vec<Vec<Option<Done>>> = plans.iter().map(|plan| vec![None; plan.ranges.len()]).collect();
    for (&(t, r), range) in fresh.iter().zip(made) {
        done[t][r] = Some(range);
    }

    // The same part of one image after the other, so that threads meet in different files.
    let mut copies: Vec<(usize, usize, &Done)> = indices(&plans)
        .filter_map(|(t, r)| plans[t].ranges[r].twin.and_then(|twin| done[0][twin].as_ref()).map(|twin| (t, r, twin)))
        .collect();
    copies.sort_by_key(|(t, r, _)| (plans[*t].ranges[*r].mapped.offset, *t));
    in_parallel(options.jobs, &copies, |&(t, r, twin), _| work.copy(t, plans[t].ranges[r].mapped, twin))?;

    let all: Vec<usize> = (0..targets.len()).collect();
    let whole =
        if options.whole { in_parallel(options.jobs, &all, |&t, buffer| work.hash_file(t, buffer))? } else { vec![None; all.len()] };
    Ok(plans
        .iter()
        .enumerate()
        .map(|(t, plan)| {
            let result = |r: usize| plan.ranges[r].twin.map_or(&done[t][r], |twin| &done[0][twin]).as_ref();
            let list = (plan.ranges.iter().enumerate())
                .map(|(r, PlannedRange { mapped: Mapped { offset, len, .. }, .. })| Range {
                    offset: *offset,
                    len: *len,
                    sha256: result(r).map(|done| done.sum),
                })
                .collect();
            Written {
                ranges: Ranges { size: targets[t].image.size(), list },
                stored: (0..plan.ranges.len()).filter_map(result).flat_map(|done| &done.runs).map(|run| run.1).sum(),
                sha256: whole[t],
            }
        })
        .collect())
}

fn indices(plans: &[Plan]) -> impl Iterator<Item = (usize, usize)> + '_ {
    plans.iter().enumerate().flat_map(|(t, plan)| (0..plan.ranges.len()).map(move |r| (t, r)))
}

/// What is to be done for an image.
struct Plan {
    ranges: Vec<PlannedRange>,
}

struct PlannedRange {
    mapped: Mapped,
    /// The same range of the first image, where it holds the same bytes.
    twin: Option<usize>,
}

impl PlannedRange {
    fn is_fresh(&self) -> bool {
        !self.mapped.zero && self.twin.is_none()
    }
}

impl Plan {
    fn new(first: &Extents, image: &Extents) -> Self {
        let twins = if std::ptr::eq(first, image) { Vec::new() } else { digest::mapped(first) };
        let twin = |mapped: &Mapped| {
            let index = twins.binary_search_by_key(&mapped.offset, |twin| twin.offset).ok()?;
            (!mapped.zero && twins[index] == *mapped && digest::is_shared(first, image, *mapped)).then_some(index)
        };
        Self { ranges: digest::mapped(image).into_iter().map(|mapped| PlannedRange { mapped, twin: twin(&mapped) }).collect() }
    }
}

/// A range that was read: its digest, and the runs of blocks that are not zero, as offset and length.
#[derive(Clone, Debug)]
struct Done {
    sum: Sum,
    runs: Vec<(u64, u64)>,
}

struct Work<'a> {
    targets: &'a [Target<'a>],
    options: &'a Options<'a>,
    bar: &'a dyn Bar,
}

impl Work<'_> {
    fn hash_and_write(&self, t: usize, range: Mapped, buffer: &mut [u8]) -> Result<Done, OutputError> {
        let target = &self.targets[t];
        let mut hasher = Sha256::new();
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for (offset, len) in pieces(range.offset, range.len) {
            self.check_stop(target)?;
            let bytes = &mut buffer[..len];
            target.image.read_exact_at(offset, bytes).map_err(|error| unreadable(target, offset, len as u64, error))?;
            hasher.update(&*bytes);
            for (start, end) in not_zero(bytes) {
                let at = offset + start as u64;
                let count = (end - start) as u64;
                self.options.host.write_all_at(target.file, &bytes[start..end], at).map_err(failed(target, self.options.host))?;
                match runs.last_mut() {
                    Some(last) if last.0 + last.1 == at => last.1 += count,
                    _ => runs.push((at, count)),
                }
            }
            self.bar.advance(len as u64);
        }
        Ok(Done { sum: hasher.into(), runs })
    }

    fn copy(&self, t: usize, range: Mapped, twin: &Done) -> Result<(), OutputError> {
        let target = &self.targets[t];
        for (offset, len) in &twin.runs {
            self.check_stop(target)?;
            self.options.host.copy(self.targets[0].file, target.file, *offset, *len).map_err(failed(target, self.options.host))?;
        }
        self.bar.advance(range.len);
        Ok(())
    }

    fn hash_file(&self, t: usize, buffer: &mut [u8]) -> Result<Option<Sum>, OutputError> {
        let target = &self.targets[t];
        let mut hasher = Sha256::new();
        // From the list, not from the file: what was written is compared with the list by whoever reads back.
        for (offset, len) in pieces(0, target.image.size()) {
            self.check_stop(target)?;
            target.image.read_exact_at(offset, &mut buffer[..len]).map_err(|error| unreadable(target, offset, len as u64, error))?;
            hasher.update(&buffer[..len]);
        }
        Ok(Some(hasher.into()))
    }

    fn check_stop(&self, target: &Target<'_>) -> Result<(), OutputError> {
        if self.options.stop.is_requested() {
            return Err(OutputError::Interrupted { path: target.path.to_owned() });
        }
        Ok(())
    }
}

fn failed<'a>(target: &'a Target<'_>, host: &'a dyn Host) -> impl FnOnce(io::Error) -> OutputError + 'a {
    move |source| OutputError::writing(host, "write", target.path, Some(target.image.stored_bytes()), source)
}

fn unreadable(target: &Target<'_>, offset: u64, len: u64, source: io::Error) -> OutputError {
    // Only a file says its name; what is in memory would show all of its bytes.
    let file = target.image.between(offset, offset + len).find_map(|extent| match extent.source {
        Source::Stored { storage, .. } if storage.file().is_some() => Some(format!("{storage:?}")),
        _ => None,
    });
    OutputError::Source { from: file.unwrap_or_else(|| "a source".to_owned()), path: target.path.to_owned(), offset, source }
}

/// Offsets and lengths of the pieces of a range.
fn pieces(offset: u64, len: u64) -> impl Iterator<Item = (u64, usize)> {
    (0..len).step_by(PIECE as usize).map(move |at| (offset + at, PIECE.min(len - at) as usize))
}

/// Runs of blocks that are not all zero, as start and end.
fn not_zero(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    const ZEROES: [u8; BLOCK as usize] = [0; BLOCK as usize];
    let is_zero = |block: &[u8]| block == &ZEROES[..block.len()];
    let mut at = 0;
    std::iter::from_fn(move || {
        let blocks = |from: usize| bytes[from..].chunks(BLOCK as usize);
        let start = at + blocks(at).take_while(|block| is_zero(block)).map(<[u8]>::len).sum::<usize>();
        at = start + blocks(start).take_while(|block| !is_zero(block)).map(<[u8]>::len).sum::<usize>();
        (start < at).then_some((start, at))
    })
}

/// Does `work` for each task, each thread with a buffer of its own; results in the order of tasks. After an error nothing new begins;
/// of several errors the one of the first task is given back.
fn in_parallel<T: Sync, R: Send>(
    jobs: NonZeroUsize,
    tasks: &[T],
    work: impl Fn(&T, &mut [u8]) -> Result<R, OutputError> + Sync,
) -> Result<Vec<R>, OutputError> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results: Mutex<Vec<(usize, Result<R, OutputError>)>> = Mutex::new(Vec::with_capacity(tasks.len()));
    let thread = || {
        let mut buffer = vec![0; PIECE as usize];
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(index) else { break };
            let result = work(task, &mut buffer);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.get().min(tasks.len()) {
            scope.spawn(thread);
        }
        thread();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
