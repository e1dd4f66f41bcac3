//! The steps, one file each.

pub mod brick;
pub mod clock;
pub mod folder;
pub mod glusterd;
pub mod marker;
pub mod mount;
pub mod pool;
mod systemctl;
pub mod volume;

pub use brick::Brick;
pub use clock::Clock;
pub use folder::Folder;
pub use glusterd::Glusterd;
pub use marker::Marker;
pub use mount::Mount;
pub use pool::PoolStep;
pub use volume::VolumeStep;
