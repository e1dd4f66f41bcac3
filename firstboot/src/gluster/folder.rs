//! What glusterd keeps in its folder.

use std::io;

use super::baked::{FOLDER, INFO, Info, PEERS, VOLUMES, value};
use crate::host::{Host, Kind};

/// Names in a folder; none when there is no folder.
fn names(host: &dyn Host, path: &str) -> io::Result<Vec<String>> {
    if host.look(path)? == Some(Kind::Folder) { host.list(path) } else { Ok(Vec::new()) }
}

/// Text of a file; empty when there is none.
fn text(host: &dyn Host, path: &str) -> io::Result<String> {
    match host.look(path)? {
        Some(Kind::File(_)) => Ok(String::from_utf8_lossy(&host.read(path)?).into_owned()),
        _ => Ok(String::new()),
    }
}

/// Who it is, if it has written that down.
///
/// # Errors
/// When the file cannot be read.
pub fn info(host: &dyn Host) -> io::Result<Option<Info>> {
    Ok(Info::parse(&text(host, INFO)?))
}

/// The files of other nodes that say something: their names on disk, and the UUIDs in them.
///
/// # Errors
/// When they cannot be read.
pub fn peers(host: &dyn Host) -> io::Result<Vec<(String, Option<String>)>> {
    let names = names(host, PEERS)?.into_iter();
    names.map(|name| Ok((name.clone(), value(&text(host, &format!("{PEERS}/{name}"))?, "uuid").map(str::to_owned)))).collect()
}

/// Names of the volumes.
///
/// # Errors
/// When they cannot be read.
pub fn volumes(host: &dyn Host) -> io::Result<Vec<String>> {
    names(host, VOLUMES)
}

/// UUIDs of the nodes that hold a volume's bricks.
///
/// # Errors
/// When they cannot be read.
pub fn brick_owners(host: &dyn Host, volume: &str) -> io::Result<Vec<String>> {
    let folder = format!("{VOLUMES}/{volume}/bricks");
    let mut owners = Vec::new();
    for name in names(host, &folder)? {
        owners.extend(value(&text(host, &format!("{folder}/{name}"))?, "uuid").map(str::to_owned));
    }
    Ok(owners)
}

/// Whether a volume was not written down to its end, so that glusterd does not start with it: no `info`, one without the volume's UUID or
/// its bricks, or a brick without a file.
///
/// # Errors
/// When it cannot be read.
pub fn is_half_written(host: &dyn Host, volume: &str) -> io::Result<bool> {
    let info = text(host, &format!("{VOLUMES}/{volume}/info"))?;
    let count = value(&info, "count").and_then(|count| count.parse::<usize>().ok());
    let (Some(count), Some(_)) = (count, value(&info, "volume-id").filter(|id| !id.is_empty())) else { return Ok(true) };
    for index in 0..count {
        let Some(brick) = value(&info, &format!("brick-{index}")) else { return Ok(true) };
        let brick = text(host, &format!("{VOLUMES}/{volume}/bricks/{brick}"))?;
        if value(&brick, "path").is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Moves a volume out of glusterd's sight, never over something else; to where.
///
/// # Errors
/// When it cannot be moved.
pub fn set_aside(host: &mut dyn Host, volume: &str) -> io::Result<String> {
    let aside = format!("{FOLDER}/berry-aside");
    host.make_folder(&aside, 0o700)?;
    let mut number = 1;
    let target = loop {
        let target = format!("{aside}/{volume}.{number}");
        if host.look(&target)?.is_none() {
            break target;
        }
        number += 1;
    };
    host.rename(&format!("{VOLUMES}/{volume}"), &target)?;
    Ok(target)
}
