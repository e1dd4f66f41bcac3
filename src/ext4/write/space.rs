//! The blocks that the fixed metadata leaves, as one line that is given out from its start.

/// Blocks in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) count: u64,
}

impl Run {
    pub(super) fn end(self) -> u64 {
        self.first + self.count
    }
}

/// A part of the line: positions on it, not block numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) at: u64,
    pub(super) len: u64,
}

/// The line of free blocks, and how much of it is given out.
#[derive(Clone, Debug)]
pub(super) struct Space {
    /// Each run of free blocks with the position of its first block on the line; ascending in both.
    runs: Vec<(u64, Run)>,
    total: u64,
    given: u64,
}

impl Space {
    /// All blocks from `first` up to `end` that are not in `taken` (ascending, disjoint).
    pub(super) fn new(first: u64, end: u64, taken: &[Run]) -> Self {
        let mut space = Self { runs: Vec::new(), total: 0, given: 0 };
        let mut from = first;
        for run in taken.iter().copied().chain([Run { first: end, count: 0 }]) {
            if run.first > from {
                space.runs.push((space.total, Run { first: from, count: run.first - from }));
                space.total += run.first - from;
            }
            from = from.max(run.end());
        }
        space
    }

    /// How many blocks there are.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// How many blocks were asked for; may be more than there are.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// Gives out the next `len` blocks, whether or not there are as many: the sum is judged once at the end.
    pub(super) fn give(&mut self, len: u64) -> Slot {
        let slot = Slot { at: self.given, len };
        self.given = self.given.saturating_add(len);
        slot
    }

    /// The blocks of a slot; fewer when it reaches over the end of the line.
    pub(super) fn runs(&self, slot: Slot) -> impl Iterator<Item = Run> + '_ {
        let mut left = slot.len;
        let mut at = slot.at;
        let mut index = self.runs.partition_point(|(position, _)| *position <= at).saturating_sub(1);
        std::iter::from_fn(move || {
            let (position, run) = *self.runs.get(index).filter(|_| left > 0)?;
            let skip = (at - position).min(run.count);
            let count = (run.count - skip).min(left);
            if count == 0 {
                return None;
            }
            left -= count;
            at += count;
            index += 1;
            Some(Run { first: run.first + skip, count })
        })
    }

    /// The block of a slot of one.
    pub(super) fn block(&self, slot: Slot) -> Option<u64> {
        self.runs(slot).next().map(|run| run.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_go_around_what_is_taken() {
        let taken = [Run { first: 0, count: 3 }, Run { first: 5, count: 1 }, Run { first: 9, count: 1 }];
        let mut space = Space::new(0, 10, &taken);
        assert_eq!(space.total(), 5);
        let (one, three, many) = (space.give(1), space.give(3), space.give(9));
        let runs = |slot| space.runs(slot).map(|run| (run.first, run.count)).collect::<Vec<_>>();
        assert_eq!(runs(one), [(3, 1)]);
        assert_eq!(runs(three), [(4, 1), (6, 2)]);
        assert_eq!(runs(many), [(8, 1)]);
        assert_eq!(runs(Slot { at: 99, len: 1 }), []);
        assert_eq!((space.given(), space.block(one)), (13, Some(3)));
    }
}
