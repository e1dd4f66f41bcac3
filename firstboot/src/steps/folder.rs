//! The bricks' folders are there, on the brick's own file system.

use crate::{
    config::NodeConfig,
    host::{Command, Host, Kind},
    step::{Doing as _, Outcome, Step, StepError},
};

/// The bricks' folders are there, on the brick's own file system.
#[derive(Clone, Copy, Debug)]
pub struct Folder;

impl Step for Folder {
    fn name(&self) -> &'static str {
        "folder"
    }

    fn purpose(&self) -> &'static str {
        "the brick's folder is there, on the brick's own file system"
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let (mount, uuid) = (&config.brick.mount, &config.brick.uuid);
        let mut changed = false;
        for brick in config.own_bricks() {
            let path = &brick.path;
            let below = path.strip_prefix(mount.trim_end_matches('/')).filter(|below| below.len() > 1 && below.starts_with('/'));
            if below.is_none() || path.split('/').any(|part| part == "..") {
                return Ok(Outcome::blocked(format!("the brick {path} is not below {mount}, where the brick's file system is")));
            }
            match host.mounted(mount).doing(mount)? {
                None => return Ok(Outcome::wait(format!("the brick's file system is not mounted at {mount}"), 5)),
                Some(mounted) if mounted.kind != "ext4" => {
                    return Ok(Outcome::blocked(format!(
                        "{} ({}) is mounted at {mount} instead of the brick",
                        mounted.source, mounted.kind
                    )));
                }
                Some(mounted) => {
                    let device = device_of(uuid, host)?;
                    if device.is_empty() {
                        return Ok(Outcome::wait(format!("no device has the brick's file system, {uuid}"), 5));
                    }
                    if device != mounted.source {
                        let source = mounted.source;
                        return Ok(Outcome::blocked(format!("{source} is mounted at {mount}, and the brick's file system is on {device}")));
                    }
                }
            }
            match host.look(path).doing(path)? {
                Some(Kind::Folder) => {}
                None => {
                    host.make_folder(path, 0o755).doing(path)?;
                    changed = true;
                }
                Some(_) => return Ok(Outcome::blocked(format!("{path} is no folder, and it is to be a brick; nothing is touched"))),
            }
        }
        Ok(Outcome::Done { changed })
    }
}

/// The device that has a file system, by udev's links; empty when none has.
fn device_of(uuid: &str, host: &mut dyn Host) -> Result<String, StepError> {
    let link = format!("/dev/disk/by-uuid/{uuid}");
    let command = Command::new("readlink", ["--canonicalize-existing", link.as_str()]);
    Ok(host.run(&command).doing(&command)?.stdout.trim().to_owned())
}
