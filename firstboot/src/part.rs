//! The two parts of the work, each a unit of systemd of its own: what must be root to the machine's depth, and what needs less.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    config::NodeConfig,
    step::Step,
    steps::{Brick, Clock, Finish, Folder, Glusterd, Known, Marked, Marker, Mount, Packages, PoolStep, Ready, VolumeStep, Web},
};

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Clock, card and packages.
    System,
    /// The pool, the volume, and what serves it.
    Cluster,
}

impl Part {
    /// Both, in the order in which they are worked off.
    pub const ALL: [Self; 2] = [Self::System, Self::Cluster];

    /// Those that a node goes through: one that is in no pool has no second part.
    #[must_use]
    pub fn of(config: &NodeConfig) -> &'static [Self] {
        if config.pool.is_some() { &Self::ALL } else { &[Self::System] }
    }

    /// The unit of systemd that works it off.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::System => "berry-firstboot-system.service",
            Self::Cluster => "berry-firstboot-cluster.service",
        }
    }

    /// Its steps, in order.
    #[must_use]
    pub fn steps(self) -> Vec<Box<dyn Step>> {
        match self {
            Self::System => vec![Box::new(Clock), Box::new(<Brick>::default()), Box::new(Packages), Box::new(Finish(self))],
            Self::Cluster => vec![
                Box::new(Ready),
                Box::new(Glusterd),
                Box::new(PoolStep),
                Box::new(Folder),
                Box::new(VolumeStep),
                Box::new(Mount),
                Box::new(Marker),
                Box::new(Web),
                Box::new(Finish(self)),
            ],
        }
    }

    /// What is looked after for good: the volume stays mounted and marked, or is so again.
    #[must_use]
    pub fn kept() -> Vec<Box<dyn Step>> {
        vec![Box::new(Known), Box::new(Mount), Box::new(Marked)]
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::Cluster => "cluster",
        })
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|part| part.to_string() == text)
            .ok_or_else(|| format!("there is no part `{text}`; there are `system` and `cluster`"))
    }
}
