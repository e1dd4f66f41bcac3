//! Base and node, path by path.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{
    build::{Base, Node},
    rules::reason,
    support::{
        image::Image,
        listing::{Shown, listing},
        program::{ok, tool},
    },
    view::View,
};

/// All of a root that must stay, with the stock account's home under its new name, to which it was moved.
fn shown(view: &View) -> BTreeMap<String, Shown> {
    let moved = |path: Vec<u8>| {
        let path = String::from_utf8(path).unwrap();
        match path.strip_prefix("/home/pi") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("/home/berry{rest}"),
            _ => path,
        }
    };
    let entries = listing(view.root()).into_iter().map(|(path, mut entry)| {
        if entry.mode & 0o170_000 == 0o040_000 {
            // A folder's time changes with the names in it.
            entry.modified = (0, 0);
        }
        entry.first_name = moved(entry.first_name).into_bytes();
        (moved(path), entry)
    });
    entries.collect()
}

pub(super) fn root(node: &Node, base: &Base) {
    let (before, after) = (shown(&base.view), shown(&node.view));
    assert!(before.len() > 150, "the fixture has only {} paths", before.len());
    let mut unexplained = Vec::new();
    let mut explained = Vec::new();
    for path in before.keys().chain(after.keys().filter(|path| !before.contains_key(*path))) {
        let what = match (before.get(path), after.get(path)) {
            (Some(old), Some(new)) if old == new => continue,
            (Some(old), Some(new)) => format!("changed: {path}\n  from {old:?}\n  to   {new:?}"),
            (Some(_), None) => format!("removed: {path}"),
            (None, _) => format!("new: {path}"),
        };
        match reason(path, base, node) {
            Some(reason) => explained.push(format!("{path}: {reason}")),
            None => unexplained.push(what),
        }
    }
    assert!(unexplained.is_empty(), "{} changes without a reason:\n{}", unexplained.len(), unexplained.join("\n"));
    println!("{}, {:?}: {} paths changed\n  {}", base.flavour.name, node.wanted, explained.len(), explained.join("\n  "));
    assert!(explained.len() > 20, "only these changed: {explained:?}");
}

/// Every file of a boot partition with its content, by mtools.
fn files(image: &Image, folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::create_dir(folder).unwrap();
    let at = format!("{}@@{}", image.path.display(), image.partitions[0].start);
    ok(tool("mcopy").env("MTOOLS_SKIP_CHECK", "1").args(["-s", "-n", "-i", &at, "::/*"]).arg(folder));
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

pub(super) fn boot(node: &Node, base: &Base) {
    let (mut before, mut after) = (files(&base.image, &node.folder.join("before")), files(&node.image, &node.folder.join("after")));
    assert!(before.len() >= 15, "{:?}", before.keys());
    assert!(before.remove("cmdline.txt").is_some() && after.remove("cmdline.txt").is_some());
    assert!(after.remove("node-status.txt").is_some() && !before.contains_key("node-status.txt"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, content) in before {
        assert_eq!(after[&name], content, "{name}");
    }
}
