//! What can be wrong when a node is made of a base.

use crate::{
    dpkg::DpkgError,
    error::{Classified, Kind},
    tree::TreeError,
};

/// What can be wrong when a node is made of a base. Texts of the base are quoted only where they cannot be secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The tree refused an edit.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Something that a setting needs is not in the image.
    #[error("the base image has no `{path}`, which {purpose} needs")]
    Missing {
        /// Path in the image.
        path: String,
        /// The setting.
        purpose: &'static str,
    },
    /// A value of the profile that this image does not know.
    #[error("the base image knows no {what} `{value}`{}", listed(near))]
    Unknown {
        /// What sort of value.
        what: &'static str,
        /// The value.
        value: String,
        /// What it does know that looks like it.
        near: Vec<String>,
    },
    /// A name or number that the image already uses for something else.
    #[error("the {what} `{value}` is already taken in the base image")]
    Taken {
        /// What sort of name.
        what: &'static str,
        /// The name.
        value: String,
    },
    /// A file of the image cannot be understood.
    #[error("`{path}` of the base image is not understood: {reason}")]
    NotUnderstood {
        /// Path in the image.
        path: String,
        /// Why.
        reason: String,
    },
    /// A word of the kernel command line that would undo what is built here.
    #[error("the base image's command line says `{word}`, {reason}")]
    CommandLine {
        /// The word.
        word: String,
        /// Why that cannot stay.
        reason: &'static str,
    },
    /// A finished text names another partition than it must.
    #[error("{place} names the partition `{got}`, expected `{expected}`")]
    WrongPartition {
        /// The text.
        place: String,
        /// What it says.
        got: String,
        /// What it must say.
        expected: String,
    },
    /// A text for the operator cannot be written.
    #[error("the output folder's path `{path}` cannot stand in an ssh_config: {reason}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// A password hash that this image's login does not know.
    #[error("the user's password hash is of a scheme that {release} does not know: nobody could log in with it")]
    Scheme {
        /// Code name of the release.
        release: &'static str,
    },
    /// The epoch cannot be written as a date.
    #[error("the build's epoch {epoch} is no date from 1970 to 9999")]
    Epoch {
        /// Seconds since 1970.
        epoch: i64,
    },
    /// The ledger has no key for the operator, though the profile lists none.
    #[error("there is no SSH key for the operator")]
    NoKey,
    /// A file of this program names a value that it is not given, or the other way round.
    #[error("a built-in template is wrong: {place}: {what}")]
    Template {
        /// File and line.
        place: String,
        /// What is wrong there.
        what: String,
    },
    /// An overlay of the profile that does not go with the image.
    #[error("{place}: {what}")]
    Overlay {
        /// File and line.
        place: String,
        /// What is wrong there.
        what: String,
    },
    /// The ledger has no identity for a node.
    #[error("the ledger has no identity for `{node}`")]
    NoIdentity {
        /// The node.
        node: String,
    },
    /// dpkg's database of the image cannot be read.
    #[error("the packages of the image cannot be told")]
    Packages(#[from] DpkgError),
    /// A package that is neither in the image nor in the lock.
    #[error("{purpose} needs the package `{package}`, and neither the image nor the lock has it")]
    NoPackage {
        /// The package.
        package: &'static str,
        /// What needs it.
        purpose: &'static str,
    },
    /// A GlusterFS whose pool this program cannot prepare.
    #[error("GlusterFS {version} is none of those whose pool can be prepared: 9, 10 and 11")]
    Gluster {
        /// Version of the package.
        version: String,
    },
    /// This program was built without that of first boot for these images.
    #[error("this berry-image was built without the program of first boot for {architecture} images")]
    NoProgram {
        /// dpkg's name of the architecture.
        architecture: &'static str,
    },
}

fn listed(near: &[String]) -> String {
    match near {
        [] => String::new(),
        names => format!("; it knows {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

impl Classified for NodeError {
    fn kind(&self) -> Kind {
        match self {
            Self::Tree(error) => error.kind(),
            Self::Packages(error) => error.kind(),
            Self::Missing { .. } | Self::NotUnderstood { .. } | Self::Gluster { .. } | Self::NoProgram { .. } => Kind::Unsupported,
            Self::Unknown { .. }
            | Self::Taken { .. }
            | Self::Scheme { .. }
            | Self::Path { .. }
            | Self::Epoch { .. }
            | Self::Overlay { .. }
            | Self::NoPackage { .. } => Kind::Usage,
            Self::CommandLine { .. } => Kind::Refused,
            Self::WrongPartition { .. } => Kind::Verification,
            Self::NoKey | Self::NoIdentity { .. } | Self::Template { .. } => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { near, .. } if !near.is_empty() => Some(format!("did you mean `{}`?", near[0])),
            Self::Taken { .. } => Some("choose another name in the profile".to_owned()),
            Self::Scheme { .. } => Some("make one with `berry-image hash-password --sha512`".to_owned()),
            Self::CommandLine { .. } => Some("start from the image as its maker publishes it".to_owned()),
            Self::Path { .. } => Some("choose another output folder".to_owned()),
            Self::Packages(error) => error.hint(),
            Self::NoPackage { package, .. } => Some(format!("add `{package}` to `install` of `packages`")),
            Self::Gluster { .. } => Some("take an image of bullseye, bookworm or trixie".to_owned()),
            Self::NoProgram { architecture: "armhf" } => {
                Some("run .ci/armhf and build berry-image again, or take a 64-bit image".to_owned())
            }
            Self::NoProgram { .. } => Some("run `rustup target add aarch64-unknown-linux-musl` and build berry-image again".to_owned()),
            _ => None,
        }
    }
}

/// The known names that look most like `value`, best first, at most three.
pub(super) fn near<'a>(value: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = value.to_lowercase();
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let mut ranked: Vec<(usize, &str)> = known
        .filter_map(|name| {
            let lower = name.to_lowercase();
            // `Berlin` is near `Europe/Berlin`, whatever the distance.
            let distance = if last(&lower) == last(&wanted) { 1 } else { distance(&wanted, &lower) };
            (distance <= 2.max(value.len() / 4)).then_some((distance, name))
        })
        .collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// Levenshtein's distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        for (a, b, expected) in [("", "", 0), ("kitten", "sitting", 3), ("abc", "", 3), ("", "ab", 2), ("flaw", "lawn", 2)] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn near_names_come_best_first() {
        let zones = ["Europe/Berlin", "Europe/Bern", "America/Lima", "Asia/Tokyo"];
        assert_eq!(near("Berlin", zones.into_iter()), ["Europe/Berlin"]);
        assert_eq!(near("Europe/Berlni", zones.into_iter())[0], "Europe/Berlin");
        assert_eq!(near("europe/berlin", zones.into_iter())[0], "Europe/Berlin");
        assert!(near("Mars/Base", zones.into_iter()).is_empty());
    }
}
