//! The same work on many things, a few at a time.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Does the work on each item, `at_once` at a time; results stand in the order of the items. After a failure no further item is begun, and the first failure
/// in that order is the one that is told.
pub(crate) fn each<T: Sync, R: Send, E: Send>(items: &[T], at_once: usize, work: impl Fn(&T) -> Result<R, E> + Sync) -> Result<Vec<R>, E> {
    let (next, has_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Mutex<Vec<Option<Result<R, E>>>> = Mutex::new(items.iter().map(|_| None).collect());
    let run = || {
        while !has_failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(number) else { return };
            let result = work(item);
            if result.is_err() {
                has_failed.store(true, Ordering::Relaxed);
            }
            results.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[number] = Some(result);
        }
    };
    thread::scope(|scope| {
        for _ in 1..at_once.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
    // Items that were not begun stand behind one that failed, or beside it.
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (failed, done): (Vec<_>, Vec<_>) = results.into_iter().flatten().partition(Result::is_err);
    failed.into_iter().chain(done).collect()
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn results_keep_their_order_and_the_first_failure_is_told() {
        let numbers: Vec<u32> = (0..50).collect();
        assert_eq!(each(&numbers, 4, |number| Ok::<_, ()>(number * 2)), Ok(numbers.iter().map(|number| number * 2).collect()));
        assert_eq!(each(&numbers, 4, |number| if *number < 7 { Ok(()) } else { Err(*number) }), Err(7));
        assert_eq!(each(&[] as &[u32], 4, |_| Ok::<(), ()>(())), Ok(vec![]));
    }
}
