//! The profile: one YAML file that describes a whole cluster.
//!
//! [`load()`] reads it in four steps, each of which goes on after a mistake, so that all of them are reported at once: the text becomes a
//! tree whose nodes know their bytes (`yaml`), the tree becomes raw values by the definitions that also make the JSON Schema (`raw`, `read`),
//! references are resolved (`references`), and the raw values become the checked [`Profile`] (`check`). What is wrong is a [`Problem`] with
//! code, place and hint; what may be shown of the text beside it is decided in `mask`.

mod base_reference;
mod check;
mod closed;
mod country;
mod load;
mod mask;
mod names;
pub mod password;
mod pattern;
mod problem;
mod raw;
mod read;
mod references;
mod report;
mod schema;
mod size;
mod types;
mod yaml;

#[cfg(test)]
mod tests;

pub use base_reference::BadBaseReference;
pub use load::{Loaded, load, parse};
pub use problem::{Code, Place, Problem, Severity};
pub use references::{Environment, ProcessEnvironment};
pub use report::{ProfileErrors, Report};
pub use schema::schema;
pub use types::{
    BaseReference, Brick, BrickSize, ExtraSource, Keyboard, MacAddress, Network, Node, NodeName, Packages, Profile, Public, Remote,
    SshPolicy, Subnet, Sudo, User, Volume, VolumeKind, Web, Wifi,
};
