//! glusterd as it behaves: what it keeps in memory and on its card, and how two of them meet. Each trap of the real one is here.

use std::collections::BTreeMap;

use crate::disk::Disk;

pub(crate) const FOLDER: &str = "/var/lib/glusterd";
pub(crate) const STAMP: &str = "trusted.glusterfs.volume-id";
pub(crate) const BRICK: &str = "/export/brick";

/// Another node, as one sees it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) names: Vec<String>,
    pub(crate) state: u32,
}

/// A volume's definition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Definition {
    pub(crate) id: String,
    pub(crate) status: u32,
    pub(crate) version: u32,
    /// `node:/path`, with the node's UUID.
    pub(crate) bricks: Vec<(String, String)>,
    pub(crate) options: BTreeMap<String, String>,
}

/// A running daemon.
#[derive(Clone, Debug, Default)]
pub(crate) struct Daemon {
    /// Which start this is: connections do not outlive it.
    pub(crate) start: u64,
    pub(crate) uuid: String,
    pub(crate) peers: BTreeMap<String, Known>,
    pub(crate) volumes: BTreeMap<String, Definition>,
    /// Its own brick's process.
    pub(crate) is_brick_online: bool,
}

fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

impl Daemon {
    /// Starts it from what is on the card; none where it ends with 1 at once.
    pub(crate) fn start(disk: &mut Disk, start: u64, made_up: &str) -> Option<Self> {
        let mut daemon = Self { start, ..Self::default() };
        let info = disk.text(&format!("{FOLDER}/glusterd.info"));
        if value(&info, "operating-version").is_some_and(|version| version.parse::<u32>().unwrap() > 100_000) {
            return None;
        }
        daemon.uuid = value(&info, "UUID").map_or_else(|| made_up.to_owned(), str::to_owned);
        disk.put(&format!("{FOLDER}/glusterd.info"), &format!("UUID={}\noperating-version=100000\n", daemon.uuid));
        disk.make_folder(&format!("{FOLDER}/peers"));
        disk.make_folder(&format!("{FOLDER}/vols"));
        for name in disk.list(&format!("{FOLDER}/peers")).unwrap() {
            let text = disk.text(&format!("{FOLDER}/peers/{name}"));
            if let Some(uuid) = value(&text, "uuid") {
                let names = (1..).map_while(|number| value(&text, &format!("hostname{number}")).map(str::to_owned)).collect();
                let state = value(&text, "state").unwrap().parse().unwrap();
                daemon.peers.insert(uuid.to_owned(), Known { names, state });
            }
        }
        for name in disk.list(&format!("{FOLDER}/vols")).unwrap() {
            // Trap 5: a volume that was not written down to its end.
            let definition = load(disk, &name)?;
            daemon.volumes.insert(name, definition);
        }
        Some(daemon)
    }

    /// Writes down what it knows.
    pub(crate) fn save(&self, disk: &mut Disk) {
        disk.remove(&format!("{FOLDER}/peers"));
        disk.make_folder(&format!("{FOLDER}/peers"));
        for (uuid, known) in &self.peers {
            let mut text = format!("uuid={uuid}\nstate={}\n", known.state);
            for (index, name) in known.names.iter().enumerate() {
                text += &format!("hostname{}={name}\n", index + 1);
            }
            disk.put(&format!("{FOLDER}/peers/{uuid}"), &text);
        }
        for (name, definition) in &self.volumes {
            store(disk, name, definition);
        }
    }
}

fn load(disk: &Disk, name: &str) -> Option<Definition> {
    let info = disk.text(&format!("{FOLDER}/vols/{name}/info"));
    let number = |key| value(&info, key)?.parse::<u32>().ok();
    let mut bricks = Vec::new();
    for index in 0..number("count")? {
        let file = disk.text(&format!("{FOLDER}/vols/{name}/bricks/{}", value(&info, &format!("brick-{index}"))?));
        bricks.push((format!("{}:{}", value(&file, "hostname")?, value(&file, "path")?), value(&file, "uuid")?.to_owned()));
    }
    let option = |line: &str| Some((line.split_once('=')?.0.to_owned(), line.split_once('=')?.1.to_owned()));
    let options = info.lines().filter(|line| line.split('=').next().unwrap().contains('.')).filter_map(option).collect();
    Some(Definition { id: value(&info, "volume-id")?.to_owned(), status: number("status")?, version: number("version")?, bricks, options })
}

fn store(disk: &mut Disk, name: &str, definition: &Definition) {
    let Definition { id, status, version, bricks, options } = definition;
    let mut info = format!("type=2\ncount={}\nstatus={status}\nversion={version}\nvolume-id={id}\n", bricks.len());
    for (option, value) in options {
        info += &format!("{option}={value}\n");
    }
    for (index, (brick, uuid)) in bricks.iter().enumerate() {
        let (host, path) = brick.split_once(':').unwrap();
        let file = brick.replace('/', "-");
        info += &format!("brick-{index}={file}\n");
        let text = format!("uuid={uuid}\nhostname={host}\npath={path}\n");
        disk.put(&format!("{FOLDER}/vols/{name}/bricks/{file}"), &text);
    }
    disk.put(&format!("{FOLDER}/vols/{name}/info"), &info);
}

/// The 16 bytes of a stamp.
pub(crate) fn stamp_of(id: &str) -> Vec<u8> {
    let hex = id.replace('-', "");
    (0..16).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}
