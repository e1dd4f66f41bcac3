//! Ranges and their digests.

use std::{collections::BTreeMap, fs, sync::Arc};

use proptest::prelude::*;

use super::{Family, literal, noise, sum};
use crate::{
    disk::{Extent, Extents, Source, Storage},
    output::{
        digest::{self, BLOCK, LONGEST, Mapped, Range, Ranges},
        platform::host,
    },
};

#[test]
fn digests_are_those_of_the_bytes_and_of_no_other_image() {
    let family = Family::new(2);
    let (together, alone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let written = family.write(together.path(), host(), 2).unwrap();
    let second = Family { _folder: tempfile::tempdir().unwrap(), images: vec![family.images[1].clone()] };
    assert_eq!(second.write(alone.path(), host(), 2).unwrap()[0].ranges, written[1].ranges);

    let bytes = fs::read(together.path().join("node1.img")).unwrap();
    let ranges = &written[1].ranges;
    let mut text = format!("berry-image ranges 1\nsize {}\n", bytes.len());
    let mut covered = vec![false; bytes.len()];
    for Range { offset, len, sha256 } in &ranges.list {
        let place = *offset as usize..(offset + len) as usize;
        covered[place.clone()].fill(true);
        match sha256 {
            Some(sha256) => {
                assert_eq!(*sha256, sum(&bytes[place]));
                text += &format!("{offset} {len} {sha256}\n");
            }
            None => {
                assert!(bytes[place].iter().all(|byte| *byte == 0));
                text += &format!("{offset} {len} zero\n");
            }
        }
    }
    assert_eq!(ranges.sum(), sum(text.as_bytes()));
    assert!(bytes.iter().zip(&covered).all(|(byte, covered)| *covered || *byte == 0));
    assert_ne!(written[0].ranges.sum(), ranges.sum());
    let differing = written[0].ranges.list.iter().zip(&ranges.list).filter(|(a, b)| a != b).count();
    assert_eq!(differing, 2, "the first block and the one in the middle");
    let json = serde_json::to_value(ranges.list[0]).unwrap();
    assert_eq!(json["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn ranges_of_a_known_image() {
    let mut image = Extents::hole(3 * LONGEST + 1000);
    image.push(literal(10, vec![1; 100]));
    image.push(Extent { offset: 4000, len: 5000, source: Source::Zero });
    image.push(literal(9000, vec![1]));
    image.push(Extent { offset: 2 * BLOCK * 8, len: LONGEST, source: Source::Zero });
    image.push(literal(3 * LONGEST + 998, vec![1]));
    let expected = [
        (0, 4096, false),
        (4096, 4096, true),
        (8192, 4096, false),
        (65536, LONGEST - 65536, true),
        (LONGEST, 65536, true),
        (3 * LONGEST, 1000, false),
    ];
    let expected: Vec<Mapped> = expected.into_iter().map(|(offset, len, zero)| Mapped { offset, len, zero }).collect();
    assert_eq!(digest::mapped(&image), expected);
    assert_eq!(digest::mapped(&Extents::hole(5)), []);
    assert_eq!(Ranges { size: 5, list: Vec::new() }.sum(), sum(b"berry-image ranges 1\nsize 5\n"));
}

proptest! {
    #[test]
    fn ranges_are_the_blocks_that_are_mapped(
        size in 1u64..40_000,
        extents in prop::collection::vec((0u64..40_000, 1u64..9000, any::<bool>()), 0..12),
    ) {
        let mut image = Extents::hole(size);
        for (offset, len, zero) in extents {
            let source = if zero { Source::Zero } else { Source::bytes(vec![1; len as usize]) };
            image.replace(Extent { offset, len, source });
        }
        image.resize(size);
        let model: BTreeMap<u64, bool> = (0..size.div_ceil(BLOCK))
            .filter_map(|block| {
                let inside: Vec<Extent> = image.between(block * BLOCK, (block + 1) * BLOCK).collect();
                (!inside.is_empty()).then(|| (block, inside.iter().all(|extent| matches!(extent.source, Source::Zero))))
            })
            .collect();
        let ranges = digest::mapped(&image);
        let found: BTreeMap<u64, bool> =
            ranges.iter().flat_map(|range| (range.offset / BLOCK..(range.offset + range.len).div_ceil(BLOCK)).map(|block| (block, range.zero))).collect();
        prop_assert_eq!(found, model);
        prop_assert!(ranges.iter().all(|range| range.len > 0 && range.offset % BLOCK == 0 && range.offset + range.len <= size));
        prop_assert!(ranges.windows(2).all(|pair| pair[0].offset + pair[0].len <= pair[1].offset));
    }

    #[test]
    fn shared_means_equal(
        one in prop::collection::vec((0u64..30_000, 1u64..9000, 0u64..3), 0..8),
        other in prop::collection::vec((0u64..30_000, 1u64..9000, 0u64..3), 0..3),
    ) {
        let storages: Vec<Arc<dyn Storage>> = (0..3).map(|n| Arc::new(noise(50_000, n)) as Arc<dyn Storage>).collect();
        let put = |image: &mut Extents, list: &[(u64, u64, u64)]| {
            for (offset, len, which) in list {
                image.replace(Extent { offset: *offset, len: *len, source: Source::Stored { storage: storages[*which as usize].clone(), start: *offset } });
            }
        };
        let mut a = Extents::hole(40_000);
        put(&mut a, &one);
        let mut b = a.clone();
        put(&mut b, &other);
        let (x, y) = (a.to_vec(50_000).unwrap(), b.to_vec(50_000).unwrap());
        for range in digest::mapped(&a) {
            let place = range.offset as usize..(range.offset + range.len) as usize;
            let covers = |image: &Extents| image.between(range.offset, range.offset + range.len).map(|extent| extent.len).sum::<u64>();
            // Literal bytes are compared, so a range is shared when, and only when, its extents cover the same equal bytes.
            if digest::is_shared(&a, &b, range) {
                prop_assert_eq!(&x[place.clone()], &y[place]);
            } else {
                prop_assert!(x[place.clone()] != y[place] || covers(&a) != covers(&b));
            }
        }
    }
}
