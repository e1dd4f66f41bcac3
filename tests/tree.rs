//! The real base through our reader, through the kernel, and as it comes out of a build: three times the same, but for what was planned.

#![allow(clippy::print_stdout, reason = "figures are printed")]

mod support;

use std::collections::BTreeSet;

use berry_image::{
    base::{Base, cache::Cache, source},
    disk::Storage as _,
    profile::BaseReference,
    progress::{Silent, Stop},
    tree::Kind,
};
use sha2::{Digest as _, Sha256};
use support::{
    Mount,
    image::Image,
    listing::listing,
    program::{berry, folder, ok, profile_in},
};

/// The base `debian:bookworm`, made by the build of another test or now, and its image as sfdisk sees it.
fn base() -> (Base, Image) {
    let cache = Cache::open_default().unwrap();
    let raw = source::obtain(&BaseReference::Debian { suite: "bookworm".into() }, &cache, false, &Silent, &Stop::default()).unwrap();
    let image = Image::open(raw.storage.path());
    (Base::read(raw).unwrap(), image)
}

fn mount(image: &Image, number: usize, folder: &std::path::Path) -> Mount {
    let partition = &image.partitions[number - 1];
    let options = format!("ro,noload,offset={},sizelimit={}", partition.start, partition.size);
    Mount::new(&image.path, &folder.join(format!("mounted-{number}-{}", partition.uuid)), &options)
}

#[test]
fn our_reader_sees_of_the_base_what_the_kernel_sees() {
    let folder = folder();
    let (base, image) = base();
    let mount = mount(&image, 2, folder.path());
    let shown = listing(mount.path());
    let mut seen = BTreeSet::new();
    let mut first_names = std::collections::HashMap::new();
    base.tree.walk(&mut |path, id| {
        let inode = base.tree.inode(id);
        let text = path.escape_ascii().to_string();
        let kernel = shown.get(path).unwrap_or_else(|| panic!("the kernel shows no {text}"));
        seen.insert(path.to_vec());
        assert_eq!(u32::from(inode.mode()), kernel.mode, "{text}");
        assert_eq!((inode.meta.uid, inode.meta.gid), kernel.owner, "{text}");
        assert_eq!(if inode.children().is_some() { 0 } else { inode.size() }, kernel.size, "{text}");
        assert_eq!((inode.meta.mtime.seconds, i64::from(inode.meta.mtime.nanoseconds)), kernel.modified, "{text}");
        // The walk is not in byte order of whole paths, so hard links are compared as groups afterwards.
        first_names.entry(id).or_insert_with(Vec::new).push(path.to_vec());
        let attributes: Vec<_> = inode.xattrs.iter().filter(|(name, _)| !name.starts_with(b"system.posix_acl")).collect();
        let kernel_attributes: Vec<_> = kernel.attributes.iter().filter(|(name, _)| !name.starts_with(b"system.posix_acl")).collect();
        assert_eq!(attributes, kernel_attributes, "{text}");
        match &inode.kind {
            Kind::Symlink(target) => assert_eq!(*target, kernel.content, "{text}"),
            Kind::File(content) => {
                let mut hasher = Sha256::new();
                let mut buffer = vec![0; 1 << 20];
                let mut offset = 0;
                while offset < content.size() {
                    let length = (content.size() - offset).min(buffer.len() as u64) as usize;
                    content.read_exact_at(offset, &mut buffer[..length]).unwrap();
                    hasher.update(&buffer[..length]);
                    offset += length as u64;
                }
                assert_eq!(hasher.finalize().to_vec(), kernel.content, "{text}");
            }
            _ => {}
        }
    });
    assert_eq!(seen.len(), shown.len(), "the kernel shows more: {:?}", shown.keys().find(|path| !seen.contains(*path)));
    for names in first_names.values() {
        let first = names.iter().min().unwrap();
        assert!(names.iter().all(|name| shown[name].first_name == *first), "{names:?}");
    }
    assert!(seen.len() > 10_000, "this is no real base: {} paths", seen.len());
}

#[test]
fn a_node_s_root_is_the_base_and_the_planned_edits() {
    let folder = folder();
    let (_, base) = base();
    let profile = profile_in(folder.path(), "cluster01.yaml");
    ok(berry().arg("build").arg(&profile).args(["--node", "cluster02", "--output"]).arg(folder.path().join("images")));
    let plan: serde_json::Value = serde_json::from_str(&ok(berry().args(["plan", "--json"]).arg(&profile))).unwrap();
    assert_eq!(plan["identities"], "ledger");
    let changes = plan["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "cluster02").unwrap()["changes"].as_array().unwrap();
    let planned: BTreeSet<String> =
        changes.iter().map(|change| change["path"].as_str().unwrap().to_owned()).filter(|path| path.starts_with('/')).collect();

    let node = Image::open(&folder.path().join("images/cluster02.img"));
    let (before, after) = (mount(&base, 2, folder.path()), mount(&node, 2, folder.path()));
    let (before, after) = (listing(before.path()), listing(after.path()));
    let all: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differing = all.into_iter().filter(|path| before.get(*path) != after.get(*path));
    let differing: BTreeSet<String> = differing.map(|path| path.escape_ascii().to_string()).collect();
    assert_eq!(differing, planned);
    println!("{} paths, {} of them planned to differ", after.len(), planned.len());
}
