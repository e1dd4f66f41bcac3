//! What installs but cannot run: known troubles of packages on some systems.

use crate::{
    base::facts::{Architecture, Facts, Release},
    debian::Version,
    error::{Classified, Kind},
};

/// GlusterFS 10 counts in 64-bit atomics, which its library for 32-bit systems does not have: daemon and client die at their start.
const FIRST_BROKEN: &str = "10";

/// A package that would install and not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// GlusterFS on a 32-bit system.
    #[error("`{package}`{} is installed on a 32-bit image, but GlusterFS 10 and later dies at its start there (an illegal instruction)", .version.as_ref().map(|version| format!(" {version}")).unwrap_or_default())]
    Gluster32 {
        /// The package.
        package: String,
        /// Its version, if it is known already.
        version: Option<String>,
    },
}

impl Classified for Trouble {
    fn kind(&self) -> Kind {
        Kind::Unsupported
    }

    fn hint(&self) -> Option<String> {
        Some(
            "take a 64-bit image (Pi 3 and later, Zero 2 W); only for older boards: the 32-bit image of bullseye, which has GlusterFS 9"
                .to_owned(),
        )
    }
}

fn is_gluster(name: &str) -> bool {
    name.starts_with("glusterfs-") || name == "libglusterfs0"
}

/// What can be said before any archive is asked: from bookworm on GlusterFS is 10 or later, or not there at all.
///
/// # Errors
/// The trouble.
pub fn ahead_of_time<'a>(facts: &Facts, mut names: impl Iterator<Item = &'a str>) -> Result<(), Trouble> {
    if facts.architecture != Architecture::Armhf || facts.release < Release::Bookworm {
        return Ok(());
    }
    match names.find(|name| is_gluster(name)) {
        Some(name) => Err(Trouble::Gluster32 { package: name.to_owned(), version: None }),
        None => Ok(()),
    }
}

/// What is wrong with packages that were chosen: names and versions.
///
/// # Errors
/// The first trouble.
pub fn in_choice<'a>(facts: &Facts, mut packages: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), Trouble> {
    let first_broken = Version::new(FIRST_BROKEN).ok();
    let is_broken = |(name, version): &(&str, &str)| {
        // A version that cannot be read was refused before.
        is_gluster(name) && Version::new(version).ok().zip(first_broken.as_ref()).is_some_and(|(own, first)| own >= *first)
    };
    match packages.find(is_broken).filter(|_| facts.architecture == Architecture::Armhf) {
        Some((name, version)) => Err(Trouble::Gluster32 { package: name.to_owned(), version: Some(version.to_owned()) }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::testing::facts;

    #[test]
    fn glusterfs_10_is_refused_on_32_bits_only() {
        let arm64 = facts(Release::Bookworm);
        let armhf = |release| Facts { architecture: Architecture::Armhf, ..facts(release) };
        let early = |facts: &Facts| ahead_of_time(facts, ["apache2", "glusterfs-client"].into_iter());
        assert!(early(&arm64).is_ok() && early(&armhf(Release::Bullseye)).is_ok());
        assert!(ahead_of_time(&armhf(Release::Bookworm), ["apache2"].into_iter()).is_ok());
        for release in [Release::Bookworm, Release::Trixie] {
            let error = early(&armhf(release)).unwrap_err();
            assert_eq!(error, Trouble::Gluster32 { package: "glusterfs-client".to_owned(), version: None });
            assert!(error.hint().unwrap().contains("64-bit"));
        }
        let late = |facts: &Facts, version| in_choice(facts, [("rsync", "11"), ("libglusterfs0", version)].into_iter());
        assert!(late(&armhf(Release::Bullseye), "9.2-1").is_ok() && late(&arm64, "10.3-5").is_ok());
        let said = late(&armhf(Release::Bullseye), "10.3-5").unwrap_err().to_string();
        assert!(said.starts_with("`libglusterfs0` 10.3-5 is installed on a 32-bit image"), "{said}");
        assert!(late(&armhf(Release::Bullseye), "11.1").is_err());
    }
}
