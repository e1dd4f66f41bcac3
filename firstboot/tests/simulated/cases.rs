//! Hundreds of repeatable histories.

use std::{panic, sync::Once, thread, time::Duration};

use berry_firstboot::{
    step::{Outcome, Step},
    steps::{Folder, Glusterd, Marker, Mount, PoolStep, VolumeStep},
};

use crate::{
    glusterd::{BRICK, STAMP, stamp_of},
    machine::{Cluster, Killed, Machine, describe},
    world::{Event, Fault, MOUNT, World, uuid},
};

/// The steps of the cluster's part.
pub(crate) const STEPS: [&dyn Step; 6] = [&Glusterd, &PoolStep, &Folder, &VolumeStep, &Mount, &Marker];

/// What a death says is not shown: it is meant.
pub(crate) fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Killed>() {
                shown(info);
            }
        }));
    });
}

/// Takes the steps until all are done.
fn program(machine: &mut Machine<'_>) {
    let config = machine.cluster.world().nodes[machine.index].config.clone();
    for step in STEPS {
        loop {
            use berry_firstboot::host::Host as _;
            let (said, again) = match step.ensure(&config, machine) {
                Ok(Outcome::Done { .. }) => break,
                Ok(Outcome::Waiting { on, again }) => (on, again),
                Ok(Outcome::Blocked { reason }) => (reason, Duration::from_secs(60)),
                Err(error) => (error.to_string(), Duration::from_secs(10)),
            };
            {
                let mut world = machine.cluster.world();
                world.nodes[machine.index].says = format!("{}: {said}", step.name());
                world.said.insert((step.name().to_owned(), said));
            }
            machine.sleep(again);
        }
    }
}

/// A node's programs, one after another, until one ends well.
fn live(cluster: &Cluster, index: usize) {
    loop {
        // What was raised while it was down is of its last life.
        let Some(world) = cluster.await_turn(index) else { return };
        let generation = world.nodes[index].generation;
        drop(world);
        let mut machine = Machine { cluster, index, generation };
        let end = panic::catch_unwind(panic::AssertUnwindSafe(|| program(&mut machine)));
        if let Err(payload) = &end
            && !payload.is::<Killed>()
        {
            // Nobody else may wait for this one for ever.
            let mut world = cluster.world();
            world.is_over = true;
            world.turn = crate::world::NOBODY;
            world.violations.push("a program panicked".into());
            cluster.hand_on(world);
            return;
        }
        let Some(mut world) = cluster.await_turn(index) else { return };
        if end.is_ok() {
            world.nodes[index].is_finished = true;
        } else {
            // systemd's RestartSec.
            let wake = world.now + Duration::from_secs(5);
            world.nodes[index].wake = wake;
        }
        cluster.hand_on(world);
        if end.is_ok() {
            return;
        }
    }
}

/// Lets all programs run to their end, or to the end of time.
pub(crate) fn play(mut world: World) -> World {
    quiet();
    world.is_alone = false;
    world.choose();
    let cluster = Cluster::new(world);
    thread::scope(|scope| {
        for index in 0..cluster.world().nodes.len() {
            let cluster = &cluster;
            scope.spawn(move || live(cluster, index));
        }
    });
    let mut world = cluster.into_world();
    world.is_alone = true;
    world.is_over = false;
    world
}

/// Takes all steps once on a node, with nobody else doing anything.
pub(crate) fn once(world: World, index: usize, steps: &[&dyn Step]) -> (World, Vec<String>) {
    quiet();
    let config = world.nodes[index].config.clone();
    let generation = world.nodes[index].generation;
    let cluster = Cluster::new(world);
    let mut machine = Machine { cluster: &cluster, index, generation };
    let mut said = Vec::new();
    for step in steps {
        said.push(match step.ensure(&config, &mut machine) {
            Ok(outcome) => format!("{outcome:?}"),
            Err(error) => format!("Error: {error}"),
        });
    }
    (cluster.into_world(), said)
}

/// What is wrong at the end, if anything.
fn judge(world: World, count: usize) -> Result<World, String> {
    let wrong = |world: &World, what: &str| Err(format!("{what}\n{}", describe(world)));
    if !world.violations.is_empty() {
        return wrong(&world, "something was done that must never be");
    }
    let mut world = world;
    // Whatever is still to come, such as systemd's restart of a daemon that was killed last.
    while !world.events.is_empty() {
        let (time, event) = world.events.remove(0);
        world.now = world.now.max(time);
        world.happen(event);
    }
    world.meet();
    let Some(volume) = world.nodes[0].daemon.as_ref().and_then(|daemon| daemon.volumes.get("volpi").cloned()) else {
        return wrong(&world, "the leader has no volume");
    };
    for index in 0..count {
        let node = &world.nodes[index];
        if !node.is_finished {
            return wrong(&world, "a node has not finished");
        }
        let Some(daemon) = &node.daemon else { return wrong(&world, "a daemon is down") };
        if daemon.uuid != uuid(index) || daemon.peers.len() != count - 1 || world.members(index).len() != count - 1 {
            return wrong(&world, "the pool is not whole");
        }
        let are_named =
            (0..count).filter(|other| *other != index).all(|other| daemon.peers[&uuid(other)].names.contains(&crate::world::name(other)));
        if !are_named {
            return wrong(&world, "a name is not known");
        }
        if daemon.volumes.get("volpi") != Some(&volume) || volume.status != 1 || volume.options["network.ping-timeout"] != "15" {
            return wrong(&world, "a volume is another");
        }
        if !daemon.is_brick_online || node.disk.attribute(BRICK, STAMP) != Some(stamp_of(&volume.id)) {
            return wrong(&world, "a brick is not online");
        }
        if node.disk.list(MOUNT).is_ok_and(|names| !names.is_empty()) {
            return wrong(&world, "something is below the mount point");
        }
    }
    if world.volume.text(&format!("{MOUNT}/html/.ready")).is_empty() || world.volume.text(&format!("{MOUNT}/html/page")) != "page" {
        return wrong(&world, "something is lost");
    }
    Ok(world)
}

/// After the end, all steps again: nothing is changed.
fn again(mut world: World, count: usize, seed: u64) {
    for index in 0..count {
        // What died after its program had finished is systemd's.
        world.nodes[index].mount = Some(true);
        world.nodes[index].kill = None;
        world.nodes[index].changes.clear();
        let (after, said) = once(world, index, &STEPS);
        world = after;
        assert!(said.iter().all(|said| said == "Done { changed: false }"), "seed {seed}: {said:?}");
        assert!(world.nodes[index].changes.is_empty(), "seed {seed}: {:?}", world.nodes[index].changes);
    }
}

/// A history: who comes when, and what goes wrong.
fn history(seed: u64) -> (World, usize) {
    let count = 3 + usize::from(seed.is_multiple_of(3));
    let mut world = World::new(count, seed);
    for index in 0..count {
        // Orders of arrival; one is late by up to two hours in a third of all.
        let late = if world.chance.below(3 * count as u64) == 0 { 7200 } else { 90 };
        let seconds = world.chance.below(late);
        world.nodes[index].is_on = false;
        world.nodes[index].is_enabled = world.chance.below(2) == 0;
        world.events.push((Duration::from_secs(30 + seconds), Event::On(index)));
    }
    // As baked, or without, or without on one.
    match world.chance.below(4) {
        0 => (0..count).for_each(|index| world.unbake(index)),
        1 => {
            let index = usize::try_from(world.chance.below(count as u64)).unwrap();
            world.unbake(index);
        }
        _ => {}
    }
    let has_names = world.chance.below(3) > 0;
    world.nodes.iter_mut().for_each(|node| node.has_reverse_name = has_names);
    for fault in
        [Fault::StuckProbe, Fault::CreateHalfWritten, Fault::CreateNothing, Fault::CreatePeerDies, Fault::CreateRefused, Fault::StampLost]
    {
        if world.chance.below(4) == 0 {
            world.faults.push(fault);
        }
    }
    for _ in 0..world.chance.below(8) {
        let index = usize::try_from(world.chance.below(count as u64)).unwrap();
        let time = Duration::from_secs(30 + world.chance.below(400));
        let event = match world.chance.below(6) {
            0 => Event::Off(index, Duration::from_secs(10 + world.chance.below(300))),
            1 => Event::KillDaemon(index),
            2 => Event::KillFuse(index),
            _ => Event::KillProgram(index, world.chance.below(40), world.chance.below(2) == 0),
        };
        world.events.push((time, event));
    }
    (world, count)
}

fn histories(seeds: std::ops::Range<u64>) -> u64 {
    let mut calls = 0;
    for seed in seeds {
        let (world, count) = history(seed);
        let world = judge(play(world), count).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        calls += world.calls;
        again(world, count, seed);
    }
    calls
}

/// In four parts, so that they share the machine's cores.
#[test]
fn every_history_ends_the_same_first_part() {
    assert!(histories(0..90) > 90 * 100);
}

#[test]
fn every_history_ends_the_same_second_part() {
    assert!(histories(90..180) > 90 * 100);
}

#[test]
fn every_history_ends_the_same_third_part() {
    assert!(histories(180..270) > 90 * 100);
}

#[test]
fn every_history_ends_the_same_fourth_part() {
    assert!(histories(270..360) > 90 * 100);
}

/// `cargo test --test simulated -- --ignored many`: minutes.
#[test]
#[ignore = "takes minutes"]
fn many_histories_end_the_same() {
    assert!(histories(10_000..14_000) > 4_000 * 100);
}

/// The program dies at each call in turn, before and after its effect; nothing else goes wrong.
#[test]
fn a_death_at_every_call_changes_nothing() {
    for index in 0..3 {
        for call in 0..60 {
            let mut world = World::new(3, call);
            for node in 0..3 {
                world.nodes[node].is_on = false;
                world.events.push((Duration::from_secs(30), Event::On(node)));
            }
            world.nodes[index].kill = Some((call, call % 2 == 0));
            let world = judge(play(world), 3).unwrap_or_else(|why| panic!("node {index}, call {call}: {why}"));
            again(world, 3, call);
        }
    }
}

#[test]
fn a_node_that_never_comes_is_named_and_nothing_is_made() {
    for absent in 0..3 {
        let mut world = World::new(3, absent as u64);
        world.limit = Duration::from_secs(3600);
        world.nodes[absent].is_on = false;
        let world = play(world);
        assert!(world.violations.is_empty(), "{}", describe(&world));
        for index in (0..3).filter(|index| *index != absent) {
            let node = &world.nodes[index];
            assert_eq!(node.says, format!("pool: {} does not answer on port 24007", crate::world::name(absent)));
            assert!(node.daemon.as_ref().unwrap().volumes.is_empty() && node.disk.attribute(BRICK, STAMP).is_none());
        }
    }
}
