//! How an image grows its root on first boot. The kernel command line alone says so: the scripts of older releases stay installed.

use super::DetectError;
use crate::base::facts::{Expansion, Flavour, Release};

/// What the command line arms, and what it should.
pub(super) struct Armed {
    /// What it arms.
    pub(super) found: Expansion,
    /// The triggers of which one stands in the command line as it was published; none for an image that is never armed.
    pub(super) expected: &'static [Expansion],
}

/// What each flavour is published with.
const fn published(flavour: Flavour, release: Release) -> &'static [Expansion] {
    match (flavour, release) {
        (Flavour::BerryDebian, _) => &[],
        (Flavour::RaspberryPiOs, Release::Stretch | Release::Buster) => &[Expansion::InitResize],
        // It changed with the images of September 2022.
        (Flavour::RaspberryPiOs, Release::Bullseye) => &[Expansion::InitResize, Expansion::FirstbootInit],
        (Flavour::RaspberryPiOs, Release::Bookworm) => &[Expansion::FirstbootInit],
        (Flavour::RaspberryPiOs, Release::Trixie) => &[Expansion::ResizeWord],
    }
}

/// Finds the trigger in the command line.
pub(super) fn armed(command_line: &str, flavour: Flavour, release: Release) -> Result<Armed, DetectError> {
    let expected = published(flavour, release);
    let stands_there = |expansion: &Expansion| {
        let trigger = expansion.trigger();
        command_line.split_whitespace().any(|word| Some(word) == trigger)
    };
    let found = Expansion::ARMED.into_iter().find(stands_there).unwrap_or(Expansion::None);
    if found != Expansion::None && !expected.contains(&found) {
        let (name, trigger) = (release.codename(), found.trigger().unwrap_or_default());
        return Err(DetectError::Unsupported { found: format!("of {name}, but its `cmdline.txt` has the `{trigger}` of another release") });
    }
    Ok(Armed { found, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_has_its_own_trigger() {
        let line = |word: &str| format!("console=tty1 root=PARTUUID=x-02 rootwait quiet {word}\n");
        let (init_resize, firstboot) =
            (line("init=/usr/lib/raspi-config/init_resize.sh"), line("init=/usr/lib/raspberrypi-sys-mods/firstboot"));
        let found = |text: &str, release| armed(text, Flavour::RaspberryPiOs, release).map(|armed| armed.found).ok();
        for (release, expected) in [
            (Release::Stretch, [Some(Expansion::InitResize), None, None]),
            (Release::Buster, [Some(Expansion::InitResize), None, None]),
            (Release::Bullseye, [Some(Expansion::InitResize), Some(Expansion::FirstbootInit), None]),
            (Release::Bookworm, [None, Some(Expansion::FirstbootInit), None]),
            (Release::Trixie, [None, None, Some(Expansion::ResizeWord)]),
        ] {
            assert_eq!([&init_resize, &firstboot, &line("resize")].map(|text| found(text, release)), expected, "{release:?}");
            assert_eq!(found(&line(""), release), Some(Expansion::None));
            assert_eq!(found(&line("resized fb=resize"), release), Some(Expansion::None));
        }
        assert!(armed(&firstboot, Flavour::BerryDebian, Release::Bookworm).is_err());
        assert!(armed(&line(""), Flavour::BerryDebian, Release::Trixie).unwrap().expected.is_empty());
    }
}
