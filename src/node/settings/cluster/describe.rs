//! What a node is to become, as first boot reads it.

use berry_firstboot::config::{self, NodeConfig, Peer, Pool, VolumeBrick};

use super::{Common, switches};
use crate::{
    node::{NodeError, boot, brick, identity::Identity, partuuid::PartUuids},
    profile::{BrickSize, Node, Profile, Volume},
};

/// Apache's unit.
const WEB_UNIT: &str = "apache2.service";

/// The configuration of one node.
pub(super) fn node(
    profile: &Profile,
    node: &Node,
    identity: &Identity,
    names: &PartUuids,
    common: &Common,
) -> Result<NodeConfig, NodeError> {
    let mut config = NodeConfig {
        format: config::FORMAT,
        cluster: profile.cluster.clone(),
        node: node.name.to_string(),
        epoch: common.epoch,
        brick: config::Brick {
            partition: 3,
            partition_uuid: names.brick().to_owned(),
            uuid: identity.brick_uuid.to_string(),
            mount: profile.brick.mount_point.clone(),
            cap: match profile.brick.size {
                BrickSize::Rest => None,
                BrickSize::Cap(size) => Some(size),
            },
        },
        packages: common.packages.clone(),
        pool: None,
        volume: None,
        web: None,
        status: Some(config::StatusFile { path: boot::status_path(&common.boot_mount), size: boot::STATUS_SIZE as u64 }),
    };
    let Some((volume, operating_version)) = profile.volume.as_ref().zip(common.operating_version).filter(|_| node.remote.is_none()) else {
        return Ok(config);
    };
    config.pool = Some(pool(profile, node, operating_version, common)?);
    config.volume = Some(config::Volume {
        name: volume.name.clone(),
        kind: volume.kind,
        bricks: bricks(profile, volume),
        options: common.options.clone(),
        mount: volume.mount_point.clone(),
    });
    config.web = profile.web.as_ref().map(|web| config::Web {
        root: web.root.clone(),
        marker: volume.marker(),
        unit: WEB_UNIT.to_owned(),
        apache: switches(profile),
    });
    Ok(config)
}

fn bricks(profile: &Profile, volume: &Volume) -> Vec<VolumeBrick> {
    let path = format!("{}/{}", profile.brick.mount_point, brick::FOLDER);
    volume.nodes.iter().map(|name| VolumeBrick { node: name.to_string(), path: path.clone() }).collect()
}

/// The pool as `node` sees it. The first node of the profile that is in it makes the volume.
fn pool(profile: &Profile, node: &Node, operating_version: u32, common: &Common) -> Result<Pool, NodeError> {
    let uuid = |node: &Node| {
        let name = node.name.as_str();
        common.uuids.get(name).cloned().ok_or_else(|| NodeError::NoIdentity { node: name.to_owned() })
    };
    let leader = profile.pool().next().unwrap_or(node);
    let others = profile.pool().filter(|other| other.name != node.name);
    Ok(Pool {
        uuid: uuid(node)?,
        operating_version,
        leader: leader.name.to_string(),
        peers: others.map(|other| Ok(Peer { name: other.name.to_string(), uuid: uuid(other)? })).collect::<Result<_, NodeError>>()?,
    })
}
