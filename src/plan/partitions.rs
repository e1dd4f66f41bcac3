//! Where the three partitions of every image stand. Pure arithmetic.

use super::PlanError;

/// Cards erase in blocks of up to 4 MiB, and the stock images align to it.
pub const ALIGNMENT: u64 = 4 << 20;

/// The brick's file system in the image, before it grows on the card: room for its journal and for the tables of a card of any size.
pub const BRICK_IN_IMAGE: u64 = 256 << 20;

/// The backup of a GUID partition table takes 16.5 KiB; an image of whole MiB is easier to handle.
const TAIL_ALIGNMENT: u64 = 1 << 20;

/// A partition: both in bytes, from the start of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u64,
    /// Length.
    pub size: u64,
}

impl Span {
    /// First byte after it.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.start + self.size
    }
}

/// The layout of every image of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partitions {
    /// Partition 1, as in the base.
    pub boot: Span,
    /// Partition 2: starts as in the base, has the profile's size.
    pub root: Span,
    /// Partition 3, as it stands in the image.
    pub brick: Span,
    /// What partition 3 grows to on the smallest card of the profile.
    pub brick_grown: u64,
    /// What stays free behind the brick, in the image and on any card, for the backup of a GUID partition table.
    pub tail: u64,
}

impl Partitions {
    /// Lays out an image.
    ///
    /// `boot` and `root_start` are the base's; `cap` is the size at which the brick stops to grow; `at_end` are the bytes that the
    /// partition table takes up at the end of a disk.
    ///
    /// # Errors
    /// When the card is too small; the numbers are in the error.
    pub fn new(boot: Span, root_start: u64, root_size: u64, card: u64, cap: Option<u64>, at_end: u64) -> Result<Self, PlanError> {
        let too_small = |needed| PlanError::CardTooSmall { card, needed };
        let root = Span { start: root_start, size: root_size };
        let root_end = root_start.checked_add(root_size).ok_or_else(|| too_small(u64::MAX))?;
        let brick_start = root_end.checked_next_multiple_of(ALIGNMENT).ok_or_else(|| too_small(u64::MAX))?;
        let in_image = cap.map_or(BRICK_IN_IMAGE, |cap| cap.min(BRICK_IN_IMAGE)) / ALIGNMENT * ALIGNMENT;
        let tail = at_end.next_multiple_of(TAIL_ALIGNMENT);
        let needed = brick_start.saturating_add(in_image).saturating_add(tail);
        if needed > card {
            return Err(too_small(needed));
        }
        // The check above leaves room for both.
        let rest = (card - brick_start - tail) / ALIGNMENT * ALIGNMENT;
        let brick_grown = cap.map_or(rest, |cap| cap.min(rest)) / ALIGNMENT * ALIGNMENT;
        Ok(Self { boot, root, brick: Span { start: brick_start, size: in_image }, brick_grown, tail })
    }

    /// Size of an image: it ends where the brick ends, or with the backup of the partition table behind that.
    #[must_use]
    pub const fn image_size(&self) -> u64 {
        self.brick.end() + self.tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: Span = Span { start: 4 << 20, size: 256 << 20 };
    const GIB: u64 = 1 << 30;

    #[test]
    fn the_brick_follows_the_root_and_is_aligned() {
        let root_start = 532_480 * 512;
        let plan = Partitions::new(BOOT, root_start, 4 * GIB, 16_000_000_000, None, 0).unwrap();
        assert_eq!(plan.root, Span { start: root_start, size: 4 * GIB });
        assert!(plan.brick.start >= plan.root.end() && plan.brick.start.is_multiple_of(ALIGNMENT));
        assert_eq!((plan.brick.size, plan.image_size()), (BRICK_IN_IMAGE, plan.brick.start + BRICK_IN_IMAGE));
        assert!(plan.brick.start + plan.brick_grown <= 16_000_000_000);
        assert!(plan.brick.start + plan.brick_grown + ALIGNMENT > 16_000_000_000);
    }

    #[test]
    fn a_cap_stops_growth() {
        let plan = |cap| Partitions::new(BOOT, 260 << 20, GIB, 8 * GIB, Some(cap), 0).unwrap();
        assert_eq!(plan(2 * GIB).brick_grown, 2 * GIB);
        assert_eq!((plan(130 << 20).brick.size, plan(130 << 20).brick_grown), (128 << 20, 128 << 20));
        assert_eq!(plan(100 * GIB).brick_grown, (8 * GIB) - plan(100 * GIB).brick.start);
    }

    #[test]
    fn a_table_at_the_end_keeps_its_room() {
        let at_end = 33 * 512;
        let plan = |card, at_end| Partitions::new(BOOT, 260 << 20, GIB, card, None, at_end);
        let (with, without) = (plan(8 * GIB, at_end).unwrap(), plan(8 * GIB, 0).unwrap());
        assert_eq!((with.brick, with.image_size()), (without.brick, without.image_size() + (1 << 20)));
        assert_eq!(with.brick_grown, without.brick_grown - ALIGNMENT, "the card ends with a whole erase block");
        assert!(with.brick.start + with.brick_grown + at_end <= 8 * GIB);
        let image = without.image_size();
        assert!(plan(image, 0).is_ok() && plan(image + (1 << 20), at_end).is_ok());
        assert!(matches!(plan(image, at_end), Err(PlanError::CardTooSmall { needed, .. }) if needed == image + (1 << 20)));
    }

    #[test]
    fn a_small_card_is_refused_with_numbers() {
        let error = Partitions::new(BOOT, 260 << 20, 4 * GIB, 4_000_000_000, None, 0).unwrap_err();
        assert!(
            matches!(error, PlanError::CardTooSmall { card: 4_000_000_000, needed } if needed == (260 << 20) + 4 * GIB + BRICK_IN_IMAGE)
        );
        assert!(Partitions::new(BOOT, u64::MAX - 5, GIB, GIB, None, 0).is_err());
    }
}
