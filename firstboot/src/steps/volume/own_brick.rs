//! This node's bricks of a volume that is there.

use crate::{
    config::NodeConfig,
    gluster::{
        answer::{Running, VolumeInfo},
        brick::{self, Brick},
    },
    host::Host,
    step::{Doing as _, StepError},
};

/// How this node's bricks stand.
pub(super) enum Stand {
    /// They are the volume's; whether one had to be stamped.
    Right {
        /// Whether one had to be stamped.
        stamped: bool,
    },
    /// One of them is not, and only a person or another way can help.
    Wrong(String),
}

/// How this node's bricks stand. As long as the volume was never started nobody can have written to it, and an empty brick whose stamp a
/// power cut took is stamped again. Later never: its copies would not know what is missing on it, and clients could see an empty volume.
pub(super) fn stand(config: &NodeConfig, info: &VolumeInfo, host: &mut dyn Host) -> Result<Stand, StepError> {
    let mut stamped = false;
    for own in config.own_bricks() {
        let path = &own.path;
        let found = Brick::look(host, path).doing(path)?;
        match &found.stamp {
            Some(stamp) if *stamp == info.id => {}
            Some(stamp) => {
                let (name, id) = (&info.name, &info.id);
                return Ok(Stand::Wrong(format!("{path} is a brick of volume {stamp}, and {name} is {id}; nothing is touched")));
            }
            None if found.has_data => {
                let name = &info.name;
                return Ok(Stand::Wrong(format!("{path} has files and is no brick of {name}, as which it is listed; nothing is touched")));
            }
            None if info.running == Running::Created => {
                brick::stamp(host, path, &info.id).doing(path)?;
                stamped = true;
            }
            None => {
                return Ok(Stand::Wrong(format!(
                    "{path} is empty, and {} has data: the card was replaced or wiped; the brick stays out until it is healed",
                    info.name
                )));
            }
        }
    }
    Ok(Stand::Right { stamped })
}
