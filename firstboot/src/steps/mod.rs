//! The steps, one file each.

pub mod brick;
pub mod clock;
pub mod finish;
pub mod folder;
pub mod glusterd;
pub mod known;
pub mod marker;
pub mod mount;
pub mod packages;
pub mod pool;
pub mod ready;
mod systemctl;
pub mod volume;
pub mod web;

pub use brick::Brick;
pub use clock::Clock;
pub use finish::Finish;
pub use folder::Folder;
pub use glusterd::Glusterd;
pub use known::Known;
pub use marker::{Marked, Marker};
pub use mount::Mount;
pub use packages::Packages;
pub use pool::PoolStep;
pub use ready::Ready;
pub use volume::VolumeStep;
pub use web::Web;
