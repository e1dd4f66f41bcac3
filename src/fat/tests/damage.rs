//! Whatever the bytes are: no panic, no loop, no memory without bound.

use std::{fs, sync::Arc};

use super::{Base, MIB, TIME, noise, reopened, with, without};
use crate::{
    disk::{Extent, Extents, FileStorage, Source, Storage, Window},
    error::{Classified as _, Kind},
    fat::Fat,
    little_endian::u32_at,
};

/// Does everything with an image that may be damaged; gives back whether an edit was possible.
fn exercise(image: Extents) -> bool {
    let size = image.size();
    let Ok(fat) = Fat::open(Window::whole(Arc::new(image))) else { return false };
    let _ = fat.summary();
    for entry in fat.entries() {
        if let Ok(Some(content)) = fat.content(&entry.name) {
            assert!(content.size() <= u64::from(u32::MAX));
        }
    }
    let _ = fat.read("overlays/README");
    match fat.edit(&[with("cmdline.txt", &[1; 5000]), with("a new and long name", b"new"), without("config.txt")], TIME) {
        Ok(edited) => {
            assert_eq!(edited.size(), size);
            assert!(matches!(reopened(&edited).read("a new and long name"), Ok(Some(_))), "an edit that succeeds can be read");
            true
        }
        Err(error) => {
            assert_ne!(error.kind(), Kind::Usage, "{error}");
            false
        }
    }
}

fn damaged(base: &Arc<dyn Storage>, at: u64, bytes: &[u8]) -> Extents {
    let mut image = Extents::window(&Window::whole(base.clone()));
    image.replace(Extent { offset: at, len: bytes.len() as u64, source: Source::bytes(bytes.to_vec()) });
    image
}

#[test]
fn no_field_of_the_boot_sector_makes_it_panic() {
    for (size, arguments) in [(4 * MIB, ["-F", "16", "-s", "1"]), (36 * MIB, ["-F", "32", "-s", "1"])] {
        let base: Arc<dyn Storage> = Arc::new(fs::read(Base::new(size, &arguments).path).unwrap());
        let mut boot = [0; 96];
        base.read_exact_at(0, &mut boot).unwrap();
        let (mut cases, mut edited) = (0, 0);
        for at in 0..90usize {
            for width in [1, 2, 4] {
                let old = u32_at(&boot, at);
                for value in [
                    0,
                    1,
                    2,
                    0x7f,
                    0x80,
                    0xff,
                    0x7fff,
                    0xffff,
                    0x7fff_ffff,
                    u32::MAX,
                    old.wrapping_add(1),
                    old.wrapping_sub(1),
                    old << 1,
                    old >> 1,
                ] {
                    let image = damaged(&base, at as u64, &value.to_le_bytes()[..width]);
                    cases += 1;
                    // Full edits read all of the volume: every seventh is enough.
                    if cases % 7 == 0 {
                        edited += u32::from(exercise(image));
                    } else if let Ok(fat) = Fat::open(Window::whole(Arc::new(image))) {
                        let _ = (fat.entries(), fat.read("kernel8.img"), fat.content("overlays/README"));
                    }
                }
            }
        }
        assert!(edited > 50, "harmless changes stay harmless: {edited} of {cases}");
    }
}

#[test]
fn no_random_damage_makes_it_panic() {
    let base: Arc<dyn Storage> = Arc::new(fs::read(Base::new(4 * MIB, &["-F", "16", "-s", "1"]).path).unwrap());
    let fat = Fat::open(Window::whole(base.clone())).unwrap();
    let metadata = fat.geometry.data;
    let mut random = noise(4 * 3000 * 8, 42).into_iter();
    let mut next = || u32::from_le_bytes(std::array::from_fn(|_| random.next().unwrap_or(1)));
    let mut edited = 0;
    for _ in 0..2000 {
        let mut image = Extents::window(&Window::whole(base.clone()));
        for _ in 0..=next() % 3 {
            // Half of all damage hits the first slots and the used part of the tables.
            let at = if next() % 2 == 0 {
                u64::from(next()) % metadata
            } else {
                [512, fat.geometry.tables[1], 15872][next() as usize % 3] + u64::from(next()) % 1200
            };
            image.replace(Extent { offset: at, len: 2, source: Source::bytes(next().to_le_bytes()[..2].to_vec()) });
        }
        edited += u32::from(exercise(image));
    }
    assert!((100..1900).contains(&edited), "{edited}");
}

#[test]
fn a_partition_that_is_cut_short_is_refused() {
    let base = Base::new(4 * MIB, &["-F", "16", "-s", "1"]);
    let storage: Arc<dyn Storage> = Arc::new(FileStorage::open(&base.path).unwrap());
    for size in [0, 1, 511, 512, 4096, MIB, 4 * MIB - 512] {
        assert!(Fat::open(Window::new(storage.clone(), 0, size).unwrap()).is_err(), "{size}");
    }
}
