//! The file on the volume that says that it is the volume, without which the web server answers 503.

use crate::{
    config::NodeConfig,
    host::{Host, Kind},
    journal::Journal,
    part::Part,
    step::{Doing as _, Outcome, Step, StepError},
};

/// The file on the volume that says that it is the volume.
#[derive(Clone, Copy, Debug)]
pub struct Marker;

impl Step for Marker {
    fn name(&self) -> &'static str {
        "marker"
    }

    fn purpose(&self) -> &'static str {
        "the volume has the file without which nothing of it is served"
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        mark(config, config.is_leader(), host)
    }
}

/// The same once the node is set up: whoever finds it missing puts it there again, for the volume was ready once. It stands where people
/// copy their pages to, and may go with what they clear away.
#[derive(Clone, Copy, Debug)]
pub struct Marked;

impl Step for Marked {
    fn name(&self) -> &'static str {
        "marked"
    }

    fn purpose(&self) -> &'static str {
        "the volume has its file again without which nothing of it is served"
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let is_set_up = Journal::read(Part::Cluster, host).is_some_and(|journal| journal.finished);
        if is_set_up { mark(config, true, host) } else { Ok(Outcome::KEPT) }
    }
}

/// Sees to it that the file is there; makes it only where this node `may`.
fn mark(config: &NodeConfig, may: bool, host: &mut dyn Host) -> Result<Outcome, StepError> {
    let (Some(volume), Some(web)) = (&config.volume, &config.web) else { return Ok(Outcome::KEPT) };
    let (path, marker) = (&volume.mount, &web.marker);
    let inside = format!("{}/", path.trim_end_matches('/'));
    for wanted in [&web.root, marker] {
        if !(wanted.starts_with(&inside) || wanted == path) || wanted.split('/').any(|part| part == "..") {
            return Ok(Outcome::blocked(format!("{wanted} is not on the volume, which is mounted at {path}")));
        }
    }
    // Below the mount point is the card, which must never get the marker.
    let is_mounted = host.mounted(path).doing(path)?.is_some_and(|mounted| mounted.is_glusterfs() && mounted.is_alive);
    if !is_mounted {
        return Ok(Outcome::wait(format!("the volume {} is not mounted at {path}", volume.name), 5));
    }
    if host.look(marker).doing(marker)?.is_some() {
        return Ok(Outcome::KEPT);
    }
    if !may {
        let leader = config.pool.as_ref().map_or("the leader", |pool| pool.leader.as_str());
        return Ok(Outcome::wait(format!("{leader} has not marked the volume as ready"), 5));
    }
    if host.look(&web.root).doing(&web.root)? != Some(Kind::Folder) {
        host.make_folder(&web.root, 0o755).doing(&web.root)?;
    }
    if let Some((folder, _)) = marker.rsplit_once('/')
        && host.look(folder).doing(folder)? != Some(Kind::Folder)
    {
        host.make_folder(folder, 0o755).doing(folder)?;
    }
    host.write(marker, format!("{}\n", config.cluster).as_bytes(), 0o644).doing(marker)?;
    Ok(Outcome::CHANGED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Peer, Pool, Volume, VolumeKind, Web},
        host::Mounted,
        testing::{Fake, config},
    };

    const MARKER: &str = "/mnt/www/.cluster-volume";

    fn node(leader: &str) -> NodeConfig {
        let (name, mount) = ("volpi".to_owned(), "/mnt/www".to_owned());
        let volume = Volume { name, kind: VolumeKind::Distribute, bricks: Vec::new(), options: Default::default(), mount };
        let web = Web { unit: "apache2.service".into(), root: "/mnt/www".into(), marker: MARKER.into(), apache: Vec::new() };
        let peers: Vec<Peer> = Vec::new();
        let pool = Pool { leader: leader.into(), uuid: "u".into(), operating_version: 100_000, peers };
        NodeConfig { volume: Some(volume), web: Some(web), pool: Some(pool), ..config() }
    }

    fn mounted() -> Fake {
        let mut fake = Fake::new(|_, words| panic!("{words}"));
        fake.mounted = Some(Mounted { kind: "fuse.glusterfs".into(), source: "localhost:/volpi".into(), is_alive: true });
        fake.put("/mnt/www/page", "");
        fake
    }

    #[test]
    fn only_the_leader_says_that_the_volume_is_ready() {
        let mut fake = mounted();
        assert!(matches!(Marker.ensure(&node("cluster02"), &mut fake).unwrap(), Outcome::Waiting { .. }));
        assert_eq!(Marker.ensure(&node("cluster01"), &mut fake).unwrap(), Outcome::CHANGED);
        assert_eq!(fake.text(MARKER).as_deref(), Some("cluster01\n"));
        assert_eq!(Marker.ensure(&node("cluster02"), &mut fake).unwrap(), Outcome::KEPT);
    }

    #[test]
    fn once_it_was_ready_each_node_says_so_again() {
        let mut fake = mounted();
        let follower = node("cluster02");
        assert_eq!(Marked.ensure(&follower, &mut fake).unwrap(), Outcome::KEPT);
        let mut journal = Journal::new(Part::Cluster, []);
        journal.write(&mut fake).unwrap();
        assert_eq!((Marked.ensure(&follower, &mut fake).unwrap(), fake.text(MARKER)), (Outcome::KEPT, None), "not set up yet");
        journal.finished = true;
        journal.write(&mut fake).unwrap();
        assert_eq!(Marked.ensure(&follower, &mut fake).unwrap(), Outcome::CHANGED);
        assert_eq!(Marked.ensure(&follower, &mut fake).unwrap(), Outcome::KEPT);
        fake.files.remove(MARKER);
        fake.mounted = None;
        assert!(matches!(Marked.ensure(&follower, &mut fake).unwrap(), Outcome::Waiting { .. }), "never on the card");
        assert_eq!(fake.text(MARKER), None);
    }
}
