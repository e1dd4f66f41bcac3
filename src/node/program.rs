//! The program of first boot, as it goes into images: a static executable for each architecture.

use crate::base::facts::Architecture;

/// By dpkg's name of the architecture. `build.rs` builds it for those that this toolchain can build it for.
#[cfg(not(test))]
const PROGRAMS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/programs.rs"));
#[cfg(test)]
const PROGRAMS: &[(&str, &[u8])] = &[("arm64", b"\x7fELF of arm64")];

/// The program for images of this architecture; `None` where this berry-image was built without it.
#[must_use]
pub fn of(architecture: Architecture) -> Option<&'static [u8]> {
    PROGRAMS.iter().find(|(name, _)| *name == architecture.name()).map(|(_, program)| *program)
}
