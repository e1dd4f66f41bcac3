//! The file on the volume that says that it is the volume, without which the web server answers 503.

use crate::{
    config::NodeConfig,
    host::{Host, Kind},
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
        if !config.is_leader() {
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
}
