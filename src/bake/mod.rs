//! The packages of a lock into the tree of a base: read, put in order, unpacked.

mod error;
mod order;
mod spool;

use std::{num::NonZeroUsize, sync::Arc, thread};

pub use error::BakeError;

use crate::{
    base::Base,
    debian::deb::Deb,
    disk::{FileStorage, Storage as _},
    dpkg::{self, Incoming, Orders, Report},
    lock::{Lock, LockedPackage},
    parallel,
    profile::Packages,
    repository::Access,
    tree::Tree,
};

/// The root of all nodes, with its packages.
#[derive(Debug)]
pub struct Baked {
    /// The base's tree with the packages of the lock.
    pub tree: Tree,
    /// What was done.
    pub report: Report,
}

/// Puts the packages of a lock into the tree of the base that it was made for. `files` are the packages, verified, in the order of the
/// lock; `packages` is what the profile asks for. Made-up times are `epoch`, in seconds since 1970.
///
/// # Errors
/// When a package is not sound or not the one of the lock, or cannot be unpacked without running its scripts; see [`BakeError`].
pub fn bake(
    base: &Base,
    lock: &Lock,
    packages: &Packages,
    files: &[Arc<FileStorage>],
    epoch: i64,
    access: &Access<'_>,
) -> Result<Baked, BakeError> {
    let debs = read(lock, files, access)?;
    let come = debs.into_iter().zip(&lock.packages).map(|(deb, package)| Incoming { deb, is_asked: package.asked }).collect();
    let orders = Orders {
        come: order::sorted(come),
        go: lock.remove.iter().map(|removal| removal.name.clone()).collect(),
        hold: packages.held(),
        asked: packages.install.clone(),
        architecture: lock.base.architecture.clone(),
        epoch,
    };
    let mut tree = base.tree.clone();
    let report = dpkg::apply(&mut tree, &orders)?;
    Ok(Baked { tree, report })
}

/// Puts packages of the base on hold, and does nothing else.
///
/// # Errors
/// When the base has no sound database.
pub fn hold(base: &Base, names: &[String], epoch: i64) -> Result<Baked, BakeError> {
    let orders = Orders { hold: names.to_vec(), architecture: base.facts.architecture.name().to_owned(), epoch, ..Orders::default() };
    let mut tree = base.tree.clone();
    let report = dpkg::apply(&mut tree, &orders)?;
    Ok(Baked { tree, report })
}

/// Reads all packages, as many at a time as there are cores.
fn read(lock: &Lock, files: &[Arc<FileStorage>], access: &Access<'_>) -> Result<Vec<Deb>, BakeError> {
    let pairs: Vec<_> = lock.packages.iter().zip(files).collect();
    let total = files.iter().map(|file| file.size()).sum();
    let noun = if pairs.len() == 1 { "package" } else { "packages" };
    let bar = access.progress.begin(&format!("unpacking {} {noun}", pairs.len()), Some(total));
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    parallel::each(&pairs, cores, |(package, file)| {
        let deb = spool::read(package, file, access)?;
        must_be(package, &deb)?;
        bar.advance(file.size());
        Ok(deb)
    })
}

/// A file with the right digest says itself what it is; it must be what the lock says.
fn must_be(package: &LockedPackage, deb: &Deb) -> Result<(), BakeError> {
    let text = String::from_utf8_lossy(deb.control_text("control").unwrap_or_default());
    let stanza = crate::debian::stanzas(&text).next().and_then(Result::ok).unwrap_or_default();
    let found = ["Package", "Version", "Architecture"].map(|field| stanza.get(field).unwrap_or_default());
    if found == [&package.name, &package.version, &package.architecture] {
        return Ok(());
    }
    let expected = format!("{} {} ({})", package.name, package.version, package.architecture);
    Err(BakeError::Other { expected, found: format!("{} {} ({})", found[0], found[1], found[2]).escape_debug().to_string() })
}
