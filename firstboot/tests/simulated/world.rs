//! The cluster: nodes with power, cards and daemons, one clock, and what happens to them.

use std::{collections::BTreeSet, time::Duration};

use berry_firstboot::{
    config::{Brick, FORMAT, NodeConfig, Packages, Peer, Pool, Volume, VolumeBrick, VolumeKind, Web},
    gluster::baked,
};

use crate::{
    disk::Disk,
    glusterd::{BRICK, Daemon, Definition, FOLDER, STAMP, stamp_of},
};

/// Where the volume is mounted.
pub(crate) const MOUNT: &str = "/mnt/www";
/// The brick's device.
pub(crate) const DEVICE: &str = "/dev/mmcblk0p3";
/// Nobody runs.
pub(crate) const NOBODY: usize = usize::MAX;

/// Repeatable chance (splitmix64).
#[derive(Debug)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Something that goes wrong with an order, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The probed node is known and not in the pool (trap 2).
    StuckProbe,
    /// The leader's daemon dies: all bricks are stamped, nobody has the volume, and its own is half-written (traps 4 and 5).
    CreateHalfWritten,
    /// The leader's daemon dies before it has written anything; the others' lock stays for 180 seconds.
    CreateNothing,
    /// Another daemon dies: the volume is there, and reaches it when it is back.
    CreatePeerDies,
    /// Another daemon dies before anything is written: only the leader's brick is stamped.
    CreateRefused,
    /// A power cut takes the stamp of one other brick.
    StampLost,
}

/// What happens at some time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    On(usize),
    Off(usize, Duration),
    KillDaemon(usize),
    /// systemd's own restart after an abnormal end.
    StartDaemon(usize),
    /// The program is killed at its k-th call from then on, before or after its effect.
    KillProgram(usize, u64, bool),
    KillFuse(usize),
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) config: NodeConfig,
    pub(crate) disk: Disk,
    pub(crate) is_on: bool,
    pub(crate) booted: Duration,
    pub(crate) daemon: Option<Daemon>,
    pub(crate) is_enabled: bool,
    /// What is mounted at `/export`: device and type.
    pub(crate) brick_mount: Option<(String, String)>,
    /// Whether what is mounted at the mount point lives, if anything is.
    pub(crate) mount: Option<bool>,
    pub(crate) foreign_mount: bool,
    /// When its program goes on.
    pub(crate) wake: Duration,
    pub(crate) is_finished: bool,
    /// Raised by whatever ends its program.
    pub(crate) generation: u64,
    pub(crate) kill: Option<(u64, bool)>,
    /// What its program changed.
    pub(crate) changes: Vec<String>,
    /// What its program waits for.
    pub(crate) says: String,
    /// Whether others learn its name from its address.
    pub(crate) has_reverse_name: bool,
    /// Whether the bricks refuse it: its mounts succeed, and are gone at once.
    pub(crate) is_refused: bool,
    /// Whether its daemon accepts connections and answers nothing.
    pub(crate) is_mute: bool,
    /// The device that has the brick's file system.
    pub(crate) device: String,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) nodes: Vec<Node>,
    pub(crate) now: Duration,
    pub(crate) chance: Chance,
    pub(crate) events: Vec<(Duration, Event)>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) starts: u64,
    /// Starts of daemons that are connected.
    pub(crate) pairs: BTreeSet<(u64, u64)>,
    pub(crate) locked_until: Duration,
    /// What is in the volume.
    pub(crate) volume: Disk,
    pub(crate) violations: Vec<String>,
    /// What was said, by step: what it waited for, why it was blocked, what failed.
    pub(crate) said: BTreeSet<(String, String)>,
    /// Whose turn it is.
    pub(crate) turn: usize,
    /// Only one program runs, and time goes by as it sleeps.
    pub(crate) is_alone: bool,
    pub(crate) is_over: bool,
    pub(crate) limit: Duration,
    pub(crate) calls: u64,
}

pub(crate) fn uuid(index: usize) -> String {
    let digit = index + 1;
    format!("{0}-0000-4000-8000-{1}", digit.to_string().repeat(8), digit.to_string().repeat(12))
}

pub(crate) fn name(index: usize) -> String {
    format!("cluster0{}", index + 1)
}

fn config(index: usize, count: usize) -> NodeConfig {
    let peer = |other| Peer { name: name(other), uuid: uuid(other) };
    NodeConfig {
        format: FORMAT,
        cluster: "cluster".into(),
        node: name(index),
        epoch: 1_700_000_000,
        brick: Brick {
            partition: 3,
            partition_uuid: "deadbeef-03".into(),
            uuid: "01020304-0506-4708-890a-0b0c0d0e0f10".into(),
            mount: "/export".into(),
            cap: None,
        },
        packages: Packages::default(),
        pool: Some(Pool {
            uuid: uuid(index),
            operating_version: 100_000,
            leader: name(0),
            peers: (0..count).filter(|other| *other != index).map(peer).collect(),
        }),
        volume: Some(Volume {
            name: "volpi".into(),
            kind: VolumeKind::Replica { count: u32::try_from(count).unwrap() },
            bricks: (0..count).map(|index| VolumeBrick { node: name(index), path: BRICK.into() }).collect(),
            options: [("auth.allow", "10.77.0.1,10.77.0.2"), ("network.ping-timeout", "15")].map(|(a, b)| (a.into(), b.into())).into(),
            mount: MOUNT.into(),
        }),
        web: Some(Web {
            root: format!("{MOUNT}/html"),
            marker: format!("{MOUNT}/html/.ready"),
            unit: "apache2.service".into(),
            apache: Vec::new(),
        }),
        status: None,
    }
}

impl World {
    /// Nodes as their images make them, all on.
    pub(crate) fn new(count: usize, seed: u64) -> Self {
        let mut world = Self {
            nodes: Vec::new(),
            now: Duration::from_secs(30),
            chance: Chance(seed),
            events: Vec::new(),
            faults: Vec::new(),
            starts: 0,
            pairs: BTreeSet::new(),
            locked_until: Duration::ZERO,
            volume: Disk::default(),
            violations: Vec::new(),
            said: BTreeSet::new(),
            turn: NOBODY,
            is_alone: true,
            is_over: false,
            limit: Duration::from_secs(4 * 3600),
            calls: 0,
        };
        world.volume.make_folder(MOUNT);
        for index in 0..count {
            let mut disk = Disk::default();
            for folder in [FOLDER, MOUNT, "/export"] {
                disk.make_folder(folder);
            }
            let config = config(index, count);
            for (path, text) in baked::files(config.pool.as_ref().unwrap()) {
                disk.put(&path, &text);
            }
            world.nodes.push(Node {
                config,
                disk,
                is_on: true,
                booted: Duration::from_secs(30),
                daemon: None,
                is_enabled: false,
                brick_mount: Some((DEVICE.into(), "ext4".into())),
                mount: None,
                foreign_mount: false,
                wake: Duration::ZERO,
                is_finished: false,
                generation: 0,
                kill: None,
                changes: Vec::new(),
                says: String::new(),
                has_reverse_name: true,
                is_refused: false,
                is_mute: false,
                device: format!("{DEVICE}\n"),
            });
        }
        world
    }

    /// Takes away what the image says of the pool.
    pub(crate) fn unbake(&mut self, index: usize) {
        self.nodes[index].disk.remove(FOLDER);
        self.nodes[index].disk.make_folder(FOLDER);
    }

    pub(crate) fn pop_fault(&mut self, choice: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let at = self.faults.iter().position(choice)?;
        Some(self.faults.remove(at))
    }

    /// Starts a daemon; whether it stays.
    pub(crate) fn start_daemon(&mut self, index: usize) -> bool {
        self.starts += 1;
        let made_up = format!("ffffffff-0000-4000-8000-{:012}", self.starts);
        let node = &mut self.nodes[index];
        if node.daemon.is_none() {
            node.daemon = Daemon::start(&mut node.disk, self.starts, &made_up);
        }
        self.meet();
        self.nodes[index].daemon.is_some()
    }

    pub(crate) fn power_off(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.is_on = false;
        node.daemon = None;
        node.mount = None;
        node.generation += 1;
        node.kill = None;
        self.meet();
    }

    pub(crate) fn power_on(&mut self, index: usize) {
        self.nodes[index].is_on = true;
        self.nodes[index].booted = self.now;
        self.nodes[index].wake = self.now;
        if self.nodes[index].is_enabled {
            self.start_daemon(index);
        }
    }

    /// What happens.
    pub(crate) fn happen(&mut self, event: Event) {
        match event {
            Event::On(index) => self.power_on(index),
            Event::Off(index, _) if self.nodes[index].is_finished || !self.nodes[index].is_on => {}
            Event::Off(index, time) => {
                self.power_off(index);
                self.events.push((self.now + time, Event::On(index)));
            }
            Event::KillDaemon(index) if self.nodes[index].daemon.is_some() => {
                self.nodes[index].daemon = None;
                self.meet();
                self.events.push((self.now + Duration::from_secs(60), Event::StartDaemon(index)));
            }
            Event::StartDaemon(index) if self.nodes[index].is_on => {
                self.start_daemon(index);
            }
            Event::KillDaemon(_) | Event::StartDaemon(_) => {}
            Event::KillProgram(index, call, is_after) => self.nodes[index].kill = Some((call, is_after)),
            Event::KillFuse(index) => {
                let node = &mut self.nodes[index];
                if node.mount.is_some() && !node.is_finished {
                    node.mount = Some(false);
                }
            }
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.config.node == name)
    }

    pub(crate) fn daemon(&mut self, index: usize) -> &mut Daemon {
        self.nodes[index].daemon.as_mut().unwrap()
    }

    /// Whether two daemons have a connection.
    pub(crate) fn is_connected(&self, one: usize, other: usize) -> bool {
        let (Some(one), Some(other)) = (&self.nodes[one].daemon, &self.nodes[other].daemon) else { return false };
        self.pairs.contains(&(one.start.min(other.start), one.start.max(other.start)))
    }

    /// Other nodes that one is connected to as members.
    pub(crate) fn members(&self, index: usize) -> Vec<usize> {
        let Some(daemon) = &self.nodes[index].daemon else { return Vec::new() };
        let is_member = |other: &usize| {
            *other != index
                && self.is_connected(index, *other)
                && daemon.peers.get(&self.nodes[*other].daemon.as_ref().unwrap().uuid).is_some_and(|known| known.state == 3)
        };
        (0..self.nodes.len()).filter(is_member).collect()
    }

    /// Starts a node's brick, if it is the volume's: glusterd refuses it without its stamp, or without its file system.
    pub(crate) fn start_brick(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let Some(daemon) = &mut node.daemon else { return };
        let Some(definition) = daemon.volumes.get("volpi") else { return };
        let is_stamped = node.disk.attribute(BRICK, STAMP) == Some(stamp_of(&definition.id));
        if definition.status == 1 && is_stamped && node.brick_mount.is_some() {
            daemon.is_brick_online = true;
            node.disk.put(&format!("{BRICK}/.glusterfs/00/00/00000000-0000-0000-0000-000000000001"), "");
        }
    }

    /// Connects what can be, and lets what is connected agree.
    pub(crate) fn meet(&mut self) {
        for _ in 0..4 {
            for one in 0..self.nodes.len() {
                for other in one + 1..self.nodes.len() {
                    self.meet_two(one, other);
                }
            }
        }
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            if let Some(daemon) = &node.daemon {
                daemon.save(&mut node.disk);
            }
        }
    }

    fn meet_two(&mut self, one: usize, other: usize) {
        let (Some(mut a), Some(mut b)) = (self.nodes[one].daemon.clone(), self.nodes[other].daemon.clone()) else { return };
        let is_new = !self.is_connected(one, other);
        let (a_knows, b_knows) = (a.peers.contains_key(&b.uuid), b.peers.contains_key(&a.uuid));
        if !a_knows && !b_knows {
            return;
        }
        let mut is_meeting = false;
        if is_new {
            self.pairs.insert((a.start.min(b.start), a.start.max(b.start)));
            if a_knows && b_knows {
                if a.peers[&b.uuid].state == 3 || b.peers[&a.uuid].state == 3 {
                    let is_conflict = a.volumes.iter().any(|(name, ours)| b.volumes.get(name).is_some_and(|theirs| theirs.id != ours.id));
                    let state = if is_conflict { 6 } else { 3 };
                    a.peers.get_mut(&b.uuid).unwrap().state = state;
                    b.peers.get_mut(&a.uuid).unwrap().state = state;
                    is_meeting = !is_conflict;
                }
            } else if a_knows {
                a.peers.get_mut(&b.uuid).unwrap().state = 6;
            } else {
                b.peers.get_mut(&a.uuid).unwrap().state = 6;
            }
        }
        let are_members = a.peers.get(&b.uuid).is_some_and(|it| it.state == 3) && b.peers.get(&a.uuid).is_some_and(|it| it.state == 3);
        if are_members {
            let (first, second) = (a.clone(), b.clone());
            for (from, to) in [(first, &mut b), (second, &mut a)] {
                for (uuid, known) in from.peers.iter().filter(|(uuid, known)| known.state == 3 && **uuid != to.uuid) {
                    to.peers.entry(uuid.clone()).or_insert_with(|| known.clone());
                }
                for (name, definition) in &from.volumes {
                    if to.volumes.get(name).is_none_or(|own| own.id == definition.id && own.version < definition.version) {
                        to.volumes.insert(name.clone(), definition.clone());
                    }
                }
            }
        }
        self.nodes[one].daemon = Some(a);
        self.nodes[other].daemon = Some(b);
        if is_meeting {
            self.start_brick(one);
            self.start_brick(other);
        }
    }

    /// Changes the volume everywhere where it is known and connected.
    pub(crate) fn change(&mut self, at: usize, change: impl Fn(&mut Definition)) {
        for index in self.members(at).into_iter().chain([at]) {
            if let Some(definition) = self.daemon(index).volumes.get_mut("volpi") {
                change(definition);
                definition.version += 1;
            }
        }
        self.meet();
    }
}
