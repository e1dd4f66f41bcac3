//! What we do with the same files.

use std::{fs::File, io, path::Path, sync::Arc};

use berry_image::{
    debian::deb::{Deb, Scratch},
    disk::FileStorage,
    dpkg::{self, Orders, Report},
    progress::Stop,
    tree::Tree,
};

use crate::{apt::Chosen, ground::Ground, support::program::folder};

/// Files without names.
struct Temporary(tempfile::TempDir);

impl Scratch for Temporary {
    fn file(&self) -> io::Result<File> {
        tempfile::tempfile_in(self.0.path())
    }
}

/// Removes what goes and unpacks what comes, in a clone of the tree; what is made up is of the time `epoch`.
pub(crate) fn unpack(ground: &Ground, debs: &Path, chosen: &Chosen, epoch: i64) -> Result<(Tree, Report), String> {
    let scratch = Temporary(folder());
    let mut orders = Orders {
        go: chosen.go.clone(),
        asked: chosen.asked.clone(),
        architecture: ground.architecture.clone(),
        epoch,
        ..Orders::default()
    };
    for incoming in &chosen.come {
        let storage = Arc::new(FileStorage::open(&debs.join(&incoming.file)).unwrap());
        let deb = Deb::read(storage, &scratch, &Stop::default()).map_err(|error| format!("{}: {error}", incoming.file))?;
        orders.come.push(dpkg::Incoming { deb, is_asked: incoming.is_asked });
    }
    let mut tree = ground.tree().clone();
    let report = dpkg::apply(&mut tree, &orders).map_err(|error| chain(&error))?;
    Ok((tree, report))
}

/// An error and what it comes from.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        words += &format!(": {source}");
        next = source.source();
    }
    words
}
