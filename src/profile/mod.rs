//! The profile: one YAML file that describes a whole cluster.

mod types;

pub use types::{
    BaseReference, Brick, BrickSize, Keyboard, MacAddress, Network, Node, NodeName, Profile, Public, Remote, SshPolicy, Subnet, Sudo, User,
    Wifi,
};
