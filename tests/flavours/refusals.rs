//! Images that are no bases: each is refused with its reason, and nothing is written.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    build::{SHA512, Wanted, profile},
    support::{
        Mount,
        image::Image,
        pi_os::{
            self, Flavour,
            damage::Card,
            initramfs::Packing,
            others::{self, Initrd},
            release::{BOOKWORM, BULLSEYE, BUSTER, STRETCH, TRIXIE},
        },
        program::{berry, fails, folder, ok},
    },
};

/// Every path below a folder.
fn paths(folder: &Path) -> BTreeSet<String> {
    let script = "find \"$1\" -printf '%P %s\\n' | sort";
    crate::support::program::shell(script, &[folder.as_os_str()]).lines().map(str::to_owned).collect()
}

/// A build of `image` must fail with code 4 (the image is damaged, unsupported or refused) and say each of `words`.
#[track_caller]
fn refused(folder: &Path, image: &Path, what: &str, words: &[&str]) {
    let place = folder.join("build");
    fs::create_dir_all(place.join("out")).unwrap();
    let profile = profile(&place, SHA512, Wanted::Cable);
    let before = paths(&place);
    let said = fails(4, berry().arg("build").arg(&profile).arg("--base").arg(image).arg("--output").arg(place.join("out")));
    for word in words {
        assert!(said.to_lowercase().contains(&word.to_lowercase()), "{what}: the message does not say `{word}`:\n{said}");
    }
    assert_eq!(paths(&place), before, "{what}: something was written");
    fs::remove_file(image).unwrap();
}

/// What `inspect` says of an image that is no base; it shows what it can, and does not fail.
#[track_caller]
fn inspected(image: &Path) -> String {
    let shown: serde_json::Value = serde_json::from_str(&ok(berry().args(["inspect", "--json"]).arg(image))).unwrap();
    assert_eq!(shown["facts"], serde_json::Value::Null);
    shown["not_a_base"].as_str().expect("a reason").to_owned()
}

/// Its initrd grows the root at every boot for as long as there is free room behind it, and unmounts it before it tries.
#[test]
fn debian_s_own_image_is_told_by_its_initrd() {
    let folder = folder();
    for (name, initrd) in [
        ("zstd", Initrd { packing: Packing::Zstd, early: false }),
        ("gzip", Initrd { packing: Packing::Gzip, early: false }),
        ("early", Initrd { packing: Packing::Zstd, early: true }),
        ("early-gzip", Initrd { packing: Packing::Gzip, early: true }),
    ] {
        let image = others::debian(folder.path(), name, initrd);
        let seen = Image::open(&image);
        assert_eq!(seen.superblock(2, "Filesystem volume name"), "RASPIROOT");
        assert!(inspected(&image).contains("rpi-resizerootfs"), "{name}");
        refused(folder.path(), &image, name, &["rpi-resizerootfs"]);
    }
}

#[test]
fn ubuntu_is_refused_by_name() {
    let folder = folder();
    let image = others::ubuntu(folder.path(), "ubuntu");
    let seen = Image::open(&image);
    assert_eq!(seen.superblock(2, "Filesystem volume name"), "writable");
    assert!(inspected(&image).contains("Ubuntu 24.04.2 LTS"));
    refused(folder.path(), &image, "ubuntu", &["Ubuntu 24.04.2 LTS"]);
}

/// Every flavour's card after its first boot: identities that all copies would share, and a trigger that has gone off.
#[test]
fn cards_that_were_booted_are_refused() {
    let folder = folder();
    for flavour in [&STRETCH, &BUSTER, &BULLSEYE, &BOOKWORM, &TRIXIE] {
        let image = pi_os::make(folder.path(), flavour.name, flavour);
        let card = Card::new(&image, flavour, folder.path(), "booted");
        card.booted();
        fs::remove_file(image).unwrap();
        assert!(inspected(&card.path).contains("machine-id"));
        refused(folder.path(), &card.path, flavour.name, &["machine-id", "host keys", "cmdline.txt"]);
    }
}

/// What a damage is called, how it is done, and the words of its message.
type Case = (&'static str, fn(&Card), &'static [&'static str]);

fn all_refused(flavour: &Flavour, cases: &[Case]) {
    let folder = folder();
    let image = pi_os::make(folder.path(), "stock", flavour);
    for (name, damage, words) in cases {
        let card = Card::new(&image, flavour, folder.path(), name);
        damage(&card);
        refused(folder.path(), &card.path, &format!("{}, {name}", flavour.name), words);
    }
}

#[test]
fn other_releases_are_refused_by_name() {
    all_refused(
        &TRIXIE,
        &[
            // The release after the last one that is known.
            ("forky", |card| card.release("forky", "14"), &["forky"]),
            // Not even its own kind of trigger makes it a bookworm.
            ("sid", |card| card.release("sid", "15"), &["sid"]),
        ],
    );
    all_refused(&STRETCH, &[("jessie", |card| card.release("jessie", "8"), &["jessie"])]);
}

/// fdisk that got no random number for the new disk id leaves `PARTUUID=-02`: the next boot finds no root.
#[test]
fn a_lost_disk_id_is_called_by_its_name() {
    let case: [Case; 1] = [("without-id", Card::without_disk_id, &["PARTUUID=-0", "disk id"])];
    for flavour in [&BULLSEYE, &BOOKWORM, &TRIXIE] {
        all_refused(flavour, &case);
    }
}

/// What Raspberry Pi Imager, or a user, has left for the first boot would act against the profile.
#[test]
fn seeds_of_a_user_are_refused() {
    let firstrun: Case = ("firstrun", |card| card.boot("firstrun.sh", "#!/bin/bash\n"), &["firstrun.sh"]);
    let userconf: Case = ("userconf", |card| card.boot("userconf.txt", "me:$6$salt$hash\n"), &["userconf.txt"]);
    let custom: Case = ("custom", |card| card.boot("custom.toml", "[system]\nhostname = \"mine\"\n"), &["custom.toml"]);
    all_refused(&BOOKWORM, &[firstrun, userconf, custom]);
    let user_data: Case = ("user-data", |card| card.boot("user-data", "#cloud-config\nhostname: mine\n"), &["user-data"]);
    let network: Case = ("network-config", |card| card.boot("network-config", "network:\n  version: 2\n"), &["network-config"]);
    let preseed: Case = ("preseed", |card| card.boot("rpi-preseed.toml", "[system]\n"), &["rpi-preseed.toml"]);
    all_refused(&TRIXIE, &[user_data, network, preseed]);
    all_refused(&BUSTER, &[("wifi", |card| card.boot("wpa_supplicant.conf", "country=DE\n"), &["wpa_supplicant.conf"])]);
}

#[test]
fn an_unclean_root_is_refused() {
    for flavour in [&STRETCH, &BOOKWORM, &TRIXIE] {
        all_refused(flavour, &[("unclean", Card::unclean, &["clean"])]);
    }
}

/// A card that was in use when it was copied: its journal holds what is not in its place yet.
#[test]
fn a_copy_of_a_mounted_root_is_refused_or_replayed() {
    let folder = folder();
    let stock = pi_os::make(folder.path(), "stock", &BOOKWORM);
    let root = &Image::open(&stock).partitions[1];
    let options = format!("offset={},sizelimit={}", root.start, root.size);
    let mount = Mount::new(&stock, &folder.path().join("mounted"), &options);
    fs::write(mount.path().join("etc/journalled"), "new\n").unwrap();
    ok(crate::support::program::tool("sync").arg("-f").arg(mount.path()));
    let card = Card::new(&stock, &BOOKWORM, folder.path(), "copy");
    drop(mount);
    assert!(Image::open(&card.path).superblock(2, "Filesystem features").contains("needs_recovery"));
    let output = folder.path().join("build/out");
    fs::create_dir_all(&output).unwrap();
    let profile = profile(&folder.path().join("build"), SHA512, Wanted::Cable);
    let result = crate::support::program::output(
        berry().arg("build").arg(&profile).arg("--base").arg(&card.path).args(["--node", "cluster01", "--output"]).arg(&output),
    );
    let said = String::from_utf8_lossy(&result.stderr).into_owned();
    match result.status.code() {
        // Replayed: then what stood in the journal only is there.
        Some(0) => assert_eq!(Image::open(&output.join("cluster01.img")).root_file("/etc/journalled"), "new\n"),
        Some(4) => assert!(said.contains("clean") || said.contains("journal"), "{said}"),
        other => panic!("{other:?}: {said}"),
    }
}

#[test]
fn other_tables_are_refused() {
    all_refused(&BOOKWORM, &[("four", Card::two_more_partitions, &["4 partitions"])]);
    let folder = folder();
    let stock = pi_os::make(folder.path(), "stock", &BUSTER);
    let image = others::noobs(folder.path(), "noobs", &stock, &BUSTER.disk);
    let table = ok(crate::support::program::tool("sfdisk").arg("--dump").arg(&image));
    assert!(table.contains("type=5") && table.contains("noobs.img6"), "{table}");
    refused(folder.path(), &image, "NOOBS", &["partition"]);
}
