//! Debian's packages: what archives offer, what is installed, what belongs together.

pub mod deb;
pub mod deb822;
pub mod extended_states;
pub mod openpgp;
pub mod package;
pub mod preferences;
pub mod relation;
pub mod release;
pub mod resolve;
pub mod script;
pub mod sources;
pub mod status;
pub mod universe;
pub mod version;

pub use deb822::{Deb822Error, Stanza, stanzas};
pub use package::{MultiArch, Package, PackageError};
pub use relation::{AnyOf, Relation, RelationError, Relations};
pub use universe::{NameId, PackageId, Universe};
pub use version::{Version, VersionError};
