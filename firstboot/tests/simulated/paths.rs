//! Every way in which a step can end otherwise than well, reached on purpose: what it says, and that it harms nothing.

use std::time::Duration;

use berry_firstboot::step::Step;

use crate::{
    cases::{STEPS, once, play},
    glusterd::{BRICK, Definition, FOLDER, Known, STAMP, stamp_of},
    machine::describe,
    world::{MOUNT, World, name, uuid},
};

const OTHER: &str = "99999999-9999-4999-8999-999999999999";

/// Three nodes in one pool, with brick folders and no volume.
fn formed() -> World {
    pool_of(3)
}

fn alone() -> World {
    pool_of(1)
}

fn pool_of(count: usize) -> World {
    let mut world = World::new(count, 1);
    for index in 0..count {
        world.nodes[index].disk.make_folder(BRICK);
        world.nodes[index].is_enabled = true;
        world.start_daemon(index);
    }
    world
}

/// Three nodes that have finished.
fn served() -> World {
    let mut world = World::new(3, 1);
    for index in 0..3 {
        world.nodes[index].is_on = false;
        world.events.push((Duration::from_secs(30), crate::world::Event::On(index)));
    }
    play(world)
}

/// A volume that was made just now, and its stamps.
fn created() -> World {
    let mut world = formed();
    let bricks = (0..3).map(|index| (format!("{}:{BRICK}", name(index)), uuid(index))).collect();
    let definition = Definition { id: OTHER.into(), status: 0, version: 1, bricks, options: Default::default() };
    for index in 0..3 {
        world.daemon(index).volumes.insert("volpi".into(), definition.clone());
        stamp(&mut world, index, OTHER);
    }
    world
}

/// The same, and all have said that their bricks are ready.
fn confirmed() -> World {
    let mut world = created();
    world.change(0, |volume| {
        for index in 0..3 {
            volume.options.insert(format!("user.berry-image.{}", name(index)), "ready".into());
        }
    });
    world
}

fn stamp(world: &mut World, index: usize, id: &str) {
    world.nodes[index].disk.make_folder(&format!("{BRICK}/.glusterfs"));
    world.nodes[index].disk.set_attribute(BRICK, STAMP, &stamp_of(id)).unwrap();
}

fn info(world: &mut World, text: &str) {
    world.nodes[0].daemon = None;
    world.nodes[0].disk.put(&format!("{FOLDER}/glusterd.info"), text);
}

fn know(world: &mut World, index: usize, uuid: &str, known: &str, state: u32) {
    world.daemon(index).peers.insert(uuid.into(), Known { names: vec![known.into()], state });
}

/// What a node is in, the node and the step that is taken there, and what that says.
type Path = (&'static str, fn() -> World, fn(&mut World), usize, usize, &'static str);

const GLUSTERD: usize = 0;
const POOL: usize = 1;
const STEP_FOLDER: usize = 2;
const VOLUME: usize = 3;
const STEP_MOUNT: usize = 4;
const MARKER: usize = 5;

#[rustfmt::skip]
const PATHS: &[Path] = &[
    ("a UUID in another pool", formed, |w| { info(w, &format!("UUID={OTHER}\n")); w.nodes[0].disk.put(&format!("{FOLDER}/peers/x"), "uuid=x\nstate=3\nhostname1=x\n"); }, 0, GLUSTERD, "Blocked { reason: \"glusterd is 99999999-9999-4999-8999-999999999999, in a pool with x"),
    ("a UUID with a volume", formed, |w| { info(w, &format!("UUID={OTHER}\n")); w.nodes[0].disk.put(&format!("{FOLDER}/vols/photos/info"), "volume-id=1\n"); }, 0, GLUSTERD, "has volume photos, and the image makes it"),
    ("a UUID with our volume's brick", created, |w| { info(w, &format!("UUID={OTHER}\n")); w.nodes[0].disk.put(&format!("{FOLDER}/vols/volpi/bricks/a"), &format!("uuid={OTHER}\n")); }, 0, GLUSTERD, "has volume volpi, and the image makes it"),
    ("a UUID that was made up", formed, |w| info(w, &format!("UUID={OTHER}\n")), 0, GLUSTERD, "Done { changed: true }"),
    ("no UUID", formed, |w| info(w, ""), 0, GLUSTERD, "Done { changed: true }"),
    ("a UUID only in memory", formed, |w| w.daemon(0).uuid = OTHER.into(), 0, GLUSTERD, "glusterd starts again, under its own UUID"),
    ("too high an operating version", formed, |w| info(w, &format!("UUID={}\noperating-version=110000\n", uuid(0))), 0, GLUSTERD, "Done { changed: true }"),
    ("a half-written volume", formed, |w| { w.nodes[0].daemon = None; w.nodes[0].disk.put(&format!("{FOLDER}/vols/volpi/info"), ""); }, 0, GLUSTERD, "Done { changed: true }"),
    ("a daemon that does not start", formed, |w| { info(w, &format!("UUID={}\noperating-version=110000\n", uuid(0))); w.nodes[0].config.pool.as_mut().unwrap().operating_version = 110_000; }, 0, GLUSTERD, "Error: `systemctl start glusterd.service` failed: Job failed."),
    ("a daemon that says nothing", formed, |w| w.nodes[0].is_mute = true, 0, GLUSTERD, "glusterd is started and does not answer yet"),
    ("no pool", formed, |w| w.nodes[0].config.pool = None, 0, GLUSTERD, "Done { changed: false }"),

    ("an absent node", formed, |w| w.power_off(2), 0, POOL, "cluster03 does not answer on port 24007"),
    ("two absent nodes", formed, |w| { w.power_off(1); w.power_off(2); }, 0, POOL, "cluster02 does not answer on port 24007; cluster03 does not answer on port 24007"),
    ("a node that says nothing", formed, |w| w.nodes[1].is_mute = true, 0, POOL, "cluster02 accepts connections and does not say who is in its pool: glusterd does not answer"),
    ("one UUID on two nodes", formed, |w| w.daemon(1).uuid = uuid(0), 0, POOL, "Blocked { reason: \"cluster02 has the UUID of this node"),
    ("a node of another pool", formed, |w| know(w, 1, OTHER, "stranger", 3), 0, POOL, "Blocked { reason: \"cluster02 is in another pool, with stranger"),
    ("a captured node", formed, |w| know(w, 0, OTHER, "stranger", 3), 0, POOL, "Blocked { reason: \"this node is in a pool with stranger"),
    ("a captured node that was alone", alone, |w| know(w, 0, OTHER, "stranger", 3), 0, POOL, "Blocked { reason: \"this node is in a pool with stranger"),
    ("a node that is alone", alone, |_| {}, 0, POOL, "Done { changed: false }"),
    ("a node with another UUID", formed, |w| w.daemon(1).uuid = OTHER.into(), 0, POOL, "cluster02 answers as 99999999-9999-4999-8999-999999999999"),
    ("a rejected node without a volume", formed, |w| { know(w, 0, &uuid(1), "cluster02", 6); know(w, 1, &uuid(0), "cluster01", 6); }, 0, POOL, "the pool comes together again, after this: cluster02 is `Peer Rejected` for this node"),
    ("a rejected node with a volume", created, |w| { know(w, 0, &uuid(1), "cluster02", 6); know(w, 1, &uuid(0), "cluster01", 6); }, 0, POOL, "the pool comes together again, after this: cluster02 is `Peer Rejected` for this node"),
    ("a rejected node with another volume", created, |w| { know(w, 0, &uuid(1), "cluster02", 6); know(w, 1, &uuid(0), "cluster01", 6); w.daemon(1).volumes.get_mut("volpi").unwrap().id = uuid(7); }, 0, POOL, "Blocked { reason: \"cluster02 is `Peer Rejected` for this node, which is `Peer Rejected` for it, and they do not know the same of volume volpi"),
    ("a stuck node", formed, |w| { know(w, 0, &uuid(1), "cluster02", 4); know(w, 1, &uuid(0), "cluster01", 5); }, 0, POOL, "the pool comes together again, after this: cluster02 is `Accepted peer request`"),
    ("two that are not connected", formed, |w| { let pair = (w.daemon(0).start, w.daemon(1).start); w.pairs.remove(&pair); }, 0, POOL, "cluster02 and this node know each other and are not connected yet"),
    ("a node that has forgotten this one", formed, |w| drop(w.daemon(1).peers.remove(&uuid(0))), 0, POOL, "cluster02 does not know this node; its own program mends that"),
    ("a node that this one has forgotten", formed, |w| drop(w.daemon(0).peers.remove(&uuid(1))), 0, POOL, "the pool comes together again, after this: cluster02 is not in the pool yet"),
    ("only an address for this node", formed, |w| know(w, 1, &uuid(0), "10.77.0.1", 3), 0, POOL, "cluster02 knows this node as 10.77.0.1 only"),
    ("only an address for another node", formed, |w| know(w, 0, &uuid(1), "10.77.0.2", 3), 0, POOL, "Done { changed: true }"),
    ("nobody knows anybody, at the leader", || { let mut w = World::new(3, 1); for i in 0..3 { w.unbake(i); info_of(&mut w, i); w.start_daemon(i); } w }, |_| (), 0, POOL, "Done { changed: true }"),
    ("nobody knows anybody, elsewhere", || { let mut w = World::new(3, 1); for i in 0..3 { w.unbake(i); info_of(&mut w, i); w.start_daemon(i); } w }, |_| (), 1, POOL, "cluster01 is not in the pool yet; cluster03 is not in the pool yet"),
    ("a dead daemon", formed, |w| w.nodes[0].daemon = None, 0, POOL, "glusterd did not answer for a moment"),
    ("an absent node of a volume that runs", served, |w| w.power_off(2), 1, POOL, "Done { changed: false }"),

    ("no brick mounted", formed, |w| w.nodes[0].brick_mount = None, 0, STEP_FOLDER, "the brick's file system is not mounted at /export"),
    ("something else mounted", formed, |w| w.nodes[0].brick_mount = Some(("tmpfs".into(), "tmpfs".into())), 0, STEP_FOLDER, "Blocked { reason: \"tmpfs (tmpfs) is mounted at /export"),
    ("another device", formed, |w| w.nodes[0].brick_mount = Some(("/dev/sda1".into(), "ext4".into())), 0, STEP_FOLDER, "Blocked { reason: \"/dev/sda1 is mounted at /export"),
    ("no device", formed, |w| w.nodes[0].device = String::new(), 0, STEP_FOLDER, "no device has the brick's file system"),
    ("a brick elsewhere", formed, |w| w.nodes[0].config.volume.as_mut().unwrap().bricks[0].path = "/exports/brick".into(), 0, STEP_FOLDER, "Blocked { reason: \"the brick /exports/brick is not below /export"),
    ("a brick that climbs", formed, |w| w.nodes[0].config.volume.as_mut().unwrap().bricks[0].path = "/export/../brick".into(), 0, STEP_FOLDER, "Blocked { reason: \"the brick /export/../brick is not below /export"),
    ("a file in the way", formed, |w| { w.nodes[0].disk.remove(BRICK); w.nodes[0].disk.put(BRICK, ""); }, 0, STEP_FOLDER, "Blocked { reason: \"/export/brick is no folder"),
    ("no folder", formed, |w| w.nodes[0].disk.remove(BRICK), 0, STEP_FOLDER, "Done { changed: true }"),

    ("nothing yet, at the leader", formed, |_| (), 0, VOLUME, "the volume volpi was made just now"),
    ("nothing yet, elsewhere", formed, |_| (), 1, VOLUME, "cluster01 has not made the volume volpi yet"),
    ("not all there", formed, |w| w.power_off(2), 0, VOLUME, "cluster03 does not answer on port 24007"),
    ("no pool for the volume", formed, |w| w.nodes[1].config.pool = None, 1, VOLUME, "Blocked { reason: \"this node is to have a volume and is in no pool"),
    ("a volume that was stopped", served, |w| w.change(0, |volume| volume.status = 2), 0, VOLUME, "Blocked { reason: \"the volume volpi was stopped by somebody"),
    ("other bricks", served, |w| w.change(0, |volume| volume.bricks[2].0 = "x:/y".into()), 0, VOLUME, "Blocked { reason: \"there is a volume volpi already, and its bricks are"),
    ("another kind", served, |w| w.nodes[0].config.volume.as_mut().unwrap().kind = berry_firstboot::config::VolumeKind::Arbiter, 0, VOLUME, "Blocked { reason: \"there is a volume volpi already, and it is made otherwise"),
    ("a brick of another volume", created, |w| stamp(w, 1, "12345678-1111-4111-8111-111111111111"), 1, VOLUME, "Blocked { reason: \"/export/brick is a brick of volume 12345678"),
    ("files and no stamp", created, |w| { w.nodes[1].disk.remove(BRICK); w.nodes[1].disk.put(&format!("{BRICK}/file"), "x"); }, 1, VOLUME, "Blocked { reason: \"/export/brick has files and is no brick of volpi"),
    ("a wiped brick", served, |w| { w.nodes[1].disk.remove(BRICK); w.nodes[1].disk.make_folder(BRICK); }, 1, VOLUME, "Blocked { reason: \"/export/brick is empty, and volpi has data"),
    ("a stamp that a power cut took", created, |w| w.nodes[1].disk.remove_attribute(BRICK, STAMP), 1, VOLUME, "the volume volpi is there and not started yet"),
    ("an option that there is not", confirmed, |w| drop(w.nodes[0].config.volume.as_mut().unwrap().options.insert("no.such".into(), "1".into())), 0, VOLUME, "option : no.such does not exist"),
    ("files of no volume", formed, |w| w.nodes[0].disk.put(&format!("{BRICK}/file"), "x"), 0, VOLUME, "Blocked { reason: \"/export/brick has files (no volume's)"),
    ("files of a volume that is gone", formed, |w| { stamp(w, 1, OTHER); w.nodes[1].disk.put(&format!("{BRICK}/file"), "x"); }, 1, VOLUME, "Blocked { reason: \"/export/brick has files (volume 99999999-9999-4999-8999-999999999999's)"),
    ("a dead creation's stamp, at the leader", formed, |w| stamp(w, 0, OTHER), 0, VOLUME, "the volume volpi was made just now"),
    ("a dead creation's stamp, elsewhere", formed, |w| stamp(w, 1, OTHER), 1, VOLUME, "cluster01 has not made the volume volpi yet"),
    ("a brick that is not free", formed, |w| stamp(w, 2, OTHER), 0, VOLUME, "a brick is not free: Staging failed on cluster03."),
    ("a lock", formed, |w| w.locked_until = Duration::from_secs(9999), 0, VOLUME, "another order is being carried out in the pool"),
    ("a creation that dies", formed, |w| w.faults.push(crate::world::Fault::CreateHalfWritten), 0, VOLUME, "glusterd did not answer for a moment"),
    ("a creation that is refused", formed, |w| w.faults.push(crate::world::Fault::CreateRefused), 0, VOLUME, "not connected"),
    ("a volume that comes from others", created, |w| drop(w.daemon(0).volumes.remove("volpi")), 0, VOLUME, "the volume comes from cluster02, cluster03, which know it already"),
    ("a volume that comes from others, elsewhere", created, |w| drop(w.daemon(1).volumes.remove("volpi")), 1, VOLUME, "the volume comes from cluster01, cluster03, which know it already"),
    ("a volume that another does not know", confirmed, |w| drop(w.daemon(1).volumes.remove("volpi")), 0, VOLUME, "cluster02 does not know the volume volpi yet"),
    ("two volumes of one name", created, |w| w.daemon(1).volumes.get_mut("volpi").unwrap().id = uuid(7), 0, VOLUME, "Blocked { reason: \"volpi is 88888888-0000-4000-8000-888888888888 on cluster02"),
    ("a brick that is not said to be ready", created, |_| (), 0, VOLUME, "cluster02 has not said yet that its brick is ready"),
    ("a dead daemon, at the volume", created, |w| w.nodes[0].daemon = None, 0, VOLUME, "glusterd did not answer for a moment"),
    ("alone", served, |w| { w.power_off(1); w.power_off(2); w.daemon(0).is_brick_online = false; }, 0, VOLUME, "no other node of the pool is there yet, and alone no brick is started"),
    ("the own brick off", served, |w| w.daemon(1).is_brick_online = false, 1, VOLUME, "Done { changed: true }"),
    ("the own brick off, and it stays", served, |w| { w.daemon(1).is_brick_online = false; w.nodes[1].brick_mount = None; }, 1, VOLUME, "a brick is not online: cluster02:/export/brick"),
    ("another's brick off, before the marker", served, |w| { w.volume.remove(&format!("{MOUNT}/html/.ready")); w.power_off(2); }, 0, VOLUME, "a brick is not online: cluster03:/export/brick"),
    ("another's brick off, after the marker", served, |w| w.power_off(2), 0, VOLUME, "Done { changed: false }"),

    ("something else at the mount point", served, |w| w.nodes[1].foreign_mount = true, 1, STEP_MOUNT, "Blocked { reason: \"/dev/sda1 (ext4) is mounted at /mnt/www"),
    ("a volume that cannot be mounted", created, |_| (), 1, STEP_MOUNT, "the volume volpi cannot be mounted at /mnt/www yet: Mount failed."),
    ("a mount that is refused", served, |w| { w.nodes[1].mount = None; w.nodes[1].is_refused = true; }, 1, STEP_MOUNT, "the volume volpi did not stay mounted at /mnt/www"),
    ("a dead mount", served, |w| w.nodes[1].mount = Some(false), 1, STEP_MOUNT, "Done { changed: true }"),

    ("a marker elsewhere", served, |w| w.nodes[0].config.web.as_mut().unwrap().marker = "/mnt/ready".into(), 0, MARKER, "Blocked { reason: \"/mnt/ready is not on the volume"),
    ("a marker that climbs", served, |w| w.nodes[0].config.web.as_mut().unwrap().marker = "/mnt/www/../ready".into(), 0, MARKER, "Blocked { reason: \"/mnt/www/../ready is not on the volume"),
    ("no volume for the marker", served, |w| w.nodes[0].mount = None, 0, MARKER, "the volume volpi is not mounted at /mnt/www"),
    ("a dead volume for the marker", served, |w| w.nodes[0].mount = Some(false), 0, MARKER, "the volume volpi is not mounted at /mnt/www"),
    ("no marker yet", served, |w| w.volume.remove(&format!("{MOUNT}/html/.ready")), 1, MARKER, "cluster01 has not marked the volume as ready"),
    ("no marker yet, at the leader", served, |w| w.volume.remove(&format!("{MOUNT}/html/.ready")), 0, MARKER, "Done { changed: true }"),
];

fn info_of(world: &mut World, index: usize) {
    world.nodes[index].disk.put(&format!("{FOLDER}/glusterd.info"), &format!("UUID={}\noperating-version=100000\n", uuid(index)));
}

#[test]
fn every_state_and_error_is_reached() {
    let mut failures = Vec::new();
    for (what, base, prepare, index, step, expected) in PATHS {
        let mut world = base();
        prepare(&mut world);
        let steps: [&dyn Step; 1] = [STEPS[*step]];
        let (world, said) = once(world, *index, &steps);
        if !said[0].contains(expected) {
            failures.push(format!("{what}: {}\n  expected: {expected}", said[0]));
        }
        if !world.violations.is_empty() {
            failures.push(format!("{what}: {}", describe(&world)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_was_half_written_is_kept_aside() {
    let mut world = formed();
    world.nodes[0].daemon = None;
    world.nodes[0].disk.put(&format!("{FOLDER}/vols/volpi/rest"), "of it");
    world.nodes[0].disk.put(&format!("{FOLDER}/berry-aside/volpi.1/rest"), "of an earlier one");
    let (world, said) = once(world, 0, &[STEPS[GLUSTERD]]);
    assert_eq!(said, ["Done { changed: true }"]);
    assert_eq!(world.nodes[0].disk.text(&format!("{FOLDER}/berry-aside/volpi.2/rest")), "of it");
    assert_eq!(world.nodes[0].disk.text(&format!("{FOLDER}/berry-aside/volpi.1/rest")), "of an earlier one");
}

#[test]
fn a_node_without_a_pool_or_a_volume_has_nothing_to_do() {
    let mut world = World::new(1, 1);
    let config = &mut world.nodes[0].config;
    (config.pool, config.volume, config.web) = (None, None, None);
    let (world, said) = once(world, 0, &STEPS);
    assert!(said.iter().all(|said| said == "Done { changed: false }"), "{said:?}");
    assert!(world.nodes[0].changes.is_empty());
}
