//! Debian's packages: what archives offer, what is installed, what belongs together.

pub mod deb822;
pub mod relation;
pub mod version;

pub use deb822::{Deb822Error, Stanza, stanzas};
pub use relation::{AnyOf, Relation, RelationError, Relations};
pub use version::{Version, VersionError};
