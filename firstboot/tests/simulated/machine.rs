//! A node as its program sees it. Between any two calls the programs of other nodes may go on, and any call may be the last one.

use std::{
    io, panic,
    sync::{Condvar, Mutex, MutexGuard},
    time::Duration,
};

use berry_firstboot::host::{Command, Host, Kind, Mounted, Output};

use crate::{
    disk::Disk,
    glusterd::{BRICK, FOLDER, STAMP, stamp_of},
    world::{DEVICE, Event, MOUNT, NOBODY, World},
};

/// The program was killed, or its node lost power.
pub(crate) struct Killed;

/// The cluster, and whose turn it is.
pub(crate) struct Cluster {
    world: Mutex<World>,
    turns: Vec<Condvar>,
}

impl Cluster {
    pub(crate) fn new(world: World) -> Self {
        Self { turns: world.nodes.iter().map(|_| Condvar::new()).collect(), world: Mutex::new(world) }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn into_world(self) -> World {
        self.world.into_inner().unwrap()
    }

    /// Waits until it is this node's turn; none when all is over.
    pub(crate) fn await_turn(&self, index: usize) -> Option<MutexGuard<'_, World>> {
        let mut world = self.world();
        while !world.is_alone && !world.is_over && world.turn != index {
            world = self.turns[index].wait(world).unwrap();
        }
        (!world.is_over).then_some(world)
    }

    /// Hands the turn on.
    pub(crate) fn hand_on(&self, mut world: MutexGuard<'_, World>) {
        if world.is_alone {
            return;
        }
        world.choose();
        let turn = world.turn;
        drop(world);
        match self.turns.get(turn) {
            Some(one) => one.notify_one(),
            None => self.turns.iter().for_each(Condvar::notify_one),
        }
    }
}

impl World {
    /// Says whose turn it is, and lets time go by until somebody has one.
    pub(crate) fn choose(&mut self) {
        loop {
            let ready = |node: &crate::world::Node| node.is_on && !node.is_finished;
            let next = self.nodes.iter().filter(|node| ready(node)).map(|node| node.wake).min();
            let event = self.events.iter().enumerate().min_by_key(|(_, (time, _))| *time).map(|(at, (time, _))| (at, *time));
            match (next, event) {
                (None, None) => {
                    self.is_over = true;
                    self.turn = NOBODY;
                    return;
                }
                (next, Some((at, time))) if next.is_none_or(|next| time <= next.max(self.now)) => {
                    if self.nodes.iter().all(|node| node.is_finished) {
                        self.is_over = true;
                        self.turn = NOBODY;
                        return;
                    }
                    self.now = self.now.max(time);
                    let (_, event) = self.events.remove(at);
                    self.happen(event);
                }
                (Some(next), _) => {
                    self.now = self.now.max(next);
                    if self.now > self.limit {
                        self.is_over = true;
                        self.turn = NOBODY;
                        return;
                    }
                    let able: Vec<usize> =
                        (0..self.nodes.len()).filter(|at| ready(&self.nodes[*at]) && self.nodes[*at].wake <= self.now).collect();
                    let choice = self.chance.below(able.len() as u64);
                    self.turn = able[usize::try_from(choice).unwrap()];
                    return;
                }
                (None, Some(_)) => unreachable!("an event is next"),
            }
        }
    }
}

/// A node as its program sees it.
pub(crate) struct Machine<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) index: usize,
    /// Which life of the program this is.
    pub(crate) generation: u64,
}

impl Machine<'_> {
    /// One call: waits for its turn, does it, and hands the turn on.
    fn call<T>(&self, time: Duration, act: impl FnOnce(&mut World, usize) -> T) -> T {
        let Some(mut world) = self.cluster.await_turn(self.index) else { panic::panic_any(Killed) };
        world.calls += 1;
        let dies = |world: &mut World, is_after: bool| match &mut world.nodes[self.index].kill {
            Some((0, after)) if *after == is_after => {
                world.nodes[self.index].kill = None;
                true
            }
            Some((left, _)) if !is_after && *left > 0 => {
                *left -= 1;
                false
            }
            _ => false,
        };
        if world.nodes[self.index].generation != self.generation || dies(&mut world, false) {
            drop(world);
            panic::panic_any(Killed);
        }
        let result = act(&mut world, self.index);
        if dies(&mut world, true) {
            drop(world);
            panic::panic_any(Killed);
        }
        if world.is_alone {
            world.now += time;
            let now = world.now;
            while let Some(at) = world.events.iter().position(|(time, _)| *time <= now) {
                let (_, event) = world.events.remove(at);
                world.happen(event);
            }
        } else {
            let wake = world.now + time;
            world.nodes[self.index].wake = wake;
            self.cluster.hand_on(world);
        }
        result
    }

    fn quick<T>(&self, act: impl FnOnce(&mut World, usize) -> T) -> T {
        self.call(Duration::from_millis(5), act)
    }
}

/// The tree that a path is in, if it answers.
fn tree<'a>(world: &'a mut World, index: usize, path: &str) -> io::Result<&'a mut Disk> {
    if path.starts_with(MOUNT) {
        match world.nodes[index].mount {
            Some(true) => return Ok(&mut world.volume),
            Some(false) => return Err(io::Error::new(io::ErrorKind::NotConnected, "Transport endpoint is not connected")),
            None => {}
        }
    }
    Ok(&mut world.nodes[index].disk)
}

/// Notes a change, and whether it was one that must never be made.
fn change(world: &mut World, index: usize, what: &str, path: &str) {
    world.nodes[index].changes.push(format!("{what} {path}"));
    let node = &world.nodes[index];
    let brick_has_data = || {
        let is_other = node.disk.list(BRICK).is_ok_and(|names| names.iter().any(|name| name != ".glusterfs"));
        is_other || node.disk.look(&format!("{BRICK}/.glusterfs/00/00/00000000-0000-0000-0000-000000000001")).is_some()
    };
    let is_wrong = match what {
        "remove" => (path.starts_with(BRICK) && brick_has_data()) || path.starts_with(&format!("{FOLDER}/vols")),
        "unstamp" => {
            let stamp = node.disk.attribute(BRICK, STAMP);
            let is_known = |node: &crate::world::Node| {
                node.daemon.as_ref().is_some_and(|daemon| daemon.volumes.values().any(|volume| Some(stamp_of(&volume.id)) == stamp))
            };
            brick_has_data() || world.nodes.iter().any(is_known)
        }
        "stamp" => world
            .nodes
            .iter()
            .any(|node| node.daemon.as_ref().is_some_and(|daemon| daemon.volumes.values().any(|volume| volume.status == 1))),
        "rename" => path.starts_with(&format!("{FOLDER}/vols")) && !node.disk.text(&format!("{path}/info")).is_empty(),
        "write" | "make" => path.starts_with(MOUNT) && node.mount.is_none(),
        _ => false,
    };
    if is_wrong {
        let line = format!("{}: {what} {path}", world.nodes[index].config.node);
        world.violations.push(line);
    }
}

impl Host for Machine<'_> {
    fn uptime(&self) -> Duration {
        self.quick(|world, index| world.now - world.nodes[index].booted)
    }

    fn clock(&self) -> i64 {
        self.quick(|world, _| 1_700_000_000 + i64::try_from(world.now.as_secs()).unwrap())
    }

    fn set_clock(&mut self, _: i64) -> io::Result<()> {
        unreachable!("no step of the cluster sets the clock")
    }

    fn sleep(&mut self, time: Duration) {
        self.call(time, |_, _| ());
    }

    fn run(&mut self, command: &Command) -> io::Result<Output> {
        let words: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
        Ok(self.call(Duration::from_millis(300), |world, index| world.run(index, &command.program, &words)))
    }

    fn connects(&mut self, name: &str, port: u16, _: Duration) -> bool {
        assert_eq!(port, 24007);
        self.call(Duration::from_millis(50), |world, _| {
            let other = world.find(name).unwrap();
            world.nodes[other].daemon.is_some()
        })
    }

    fn get(&mut self, _: &str) -> io::Result<(u16, Vec<u8>)> {
        unreachable!("no step here asks the web server")
    }

    fn look(&self, path: &str) -> io::Result<Option<Kind>> {
        self.quick(|world, index| Ok(tree(world, index, path)?.look(path)))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.quick(|world, index| tree(world, index, path)?.read(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.quick(|world, index| tree(world, index, path)?.list(path))
    }

    fn write(&mut self, path: &str, bytes: &[u8], _: u32) -> io::Result<bool> {
        self.quick(|world, index| {
            let is_new = tree(world, index, path)?.write(path, bytes)?;
            if is_new {
                change(world, index, "write", path);
            }
            if path.starts_with(MOUNT) {
                // From now on there is something to lose.
                world.volume.put(&format!("{MOUNT}/html/page"), "page");
                for node in &mut world.nodes {
                    if node.daemon.as_ref().is_some_and(|daemon| daemon.is_brick_online) {
                        node.disk.put(&format!("{BRICK}/html/page"), "page");
                    }
                }
            }
            Ok(is_new)
        })
    }

    fn overwrite(&mut self, _: &str, _: &[u8]) -> io::Result<()> {
        unreachable!("no step here overwrites")
    }

    fn make_folder(&mut self, path: &str, _: u32) -> io::Result<()> {
        self.quick(|world, index| {
            if tree(world, index, path)?.look(path).is_none() {
                change(world, index, "make", path);
            }
            tree(world, index, path)?.make_folder(path);
            Ok(())
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.quick(|world, index| {
            change(world, index, "rename", from);
            tree(world, index, from)?.rename(from, to)
        })
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.quick(|world, index| {
            change(world, index, "remove", path);
            tree(world, index, path)?.remove(path);
            Ok(())
        })
    }

    fn attribute(&self, path: &str, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.quick(|world, index| Ok(tree(world, index, path)?.attribute(path, name)))
    }

    fn set_attribute(&mut self, path: &str, name: &str, value: &[u8]) -> io::Result<()> {
        self.quick(|world, index| {
            change(world, index, "stamp", path);
            tree(world, index, path)?.set_attribute(path, name, value)
        })
    }

    fn remove_attribute(&mut self, path: &str, name: &str) -> io::Result<()> {
        self.quick(|world, index| {
            change(world, index, "unstamp", path);
            tree(world, index, path)?.remove_attribute(path, name);
            Ok(())
        })
    }

    fn mounted(&self, path: &str) -> io::Result<Option<Mounted>> {
        self.quick(|world, index| {
            let node = &world.nodes[index];
            let mounted = |kind: &str, source: &str, is_alive| Mounted { kind: kind.into(), source: source.into(), is_alive };
            Ok(match path {
                "/export" => node.brick_mount.as_ref().map(|(source, kind)| mounted(kind, source, true)),
                _ if node.foreign_mount => Some(mounted("ext4", "/dev/sda1", true)),
                _ => node.mount.map(|is_alive| mounted("fuse.glusterfs", "localhost:/volpi", is_alive)),
            })
        })
    }
}

/// Kept so that what an event says can be looked up in a failure.
pub(crate) fn describe(world: &World) -> String {
    let mut text = String::new();
    for node in &world.nodes {
        text += &format!("{}: finished {} on {} says `{}`\n", node.config.node, node.is_finished, node.is_on, node.says);
        if let Some(daemon) = &node.daemon {
            for (uuid, known) in &daemon.peers {
                text += &format!("    knows {uuid} {known:?}\n");
            }
            text += &format!("    volumes {:?} brick {}\n", daemon.volumes, daemon.is_brick_online);
        }
    }
    text += &format!("now {:?}, device {DEVICE}, violations {:?}\n", world.now, world.violations);
    let _ = Event::On(0);
    text
}
