//! glusterd knows the volume: before that there is nothing to mount.

use crate::{
    config::NodeConfig,
    gluster::baked,
    host::{Host, Kind},
    journal,
    step::{Doing as _, Outcome, Step, StepError},
};

/// glusterd knows the volume.
#[derive(Clone, Copy, Debug)]
pub struct Known;

impl Step for Known {
    fn name(&self) -> &'static str {
        "known"
    }

    fn purpose(&self) -> &'static str {
        "glusterd knows the volume"
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let Some(volume) = &config.volume else { return Ok(Outcome::KEPT) };
        let path = format!("{}/{}/info", baked::VOLUMES, volume.name);
        match host.look(&path).doing(&path)? {
            Some(Kind::File(size)) if size > 0 => Ok(Outcome::KEPT),
            _ => {
                journal::note_volume(host, false);
                Ok(Outcome::wait(format!("glusterd does not know the volume {} yet", volume.name), 10))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Volume, VolumeKind},
        testing::{Fake, config},
    };

    #[test]
    fn a_volume_that_was_half_written_is_not_known() {
        let (name, mount) = ("volpi".to_owned(), "/mnt/www".to_owned());
        let volume = Volume { name, kind: VolumeKind::Distribute, bricks: Vec::new(), options: Default::default(), mount };
        let node = NodeConfig { volume: Some(volume), ..config() };
        let mut fake = Fake::new(|_, words| panic!("{words}"));
        for (text, is_known) in [(None, false), (Some(""), false), (Some("type=0\n"), true)] {
            text.into_iter().for_each(|text| fake.put("/var/lib/glusterd/vols/volpi/info", text));
            assert_eq!(Known.ensure(&node, &mut fake).unwrap() == Outcome::KEPT, is_known);
        }
        assert_eq!(Known.ensure(&config(), &mut fake).unwrap(), Outcome::KEPT);
    }
}
