//! The file by which a base made here is known again.

use serde::{Deserialize, Serialize};

use super::recipe;

/// Version of the file's format.
const FORMAT: u32 = 1;

/// What made a base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Marker {
    version: u32,
    /// `debian:SUITE`.
    pub made_as: String,
    /// Version of the recipe.
    pub recipe: u32,
    /// The suite.
    pub suite: String,
    /// Debian's name of the architecture.
    pub architecture: String,
}

impl Marker {
    /// Where it stands in the root file system.
    pub const PATH: &str = "/usr/lib/berry-image/base.json";

    /// The marker of a base that this program makes of `suite`.
    #[must_use]
    pub fn new(suite: &str) -> Self {
        Self {
            version: FORMAT,
            made_as: format!("debian:{suite}"),
            recipe: recipe::VERSION,
            suite: suite.to_owned(),
            architecture: recipe::ARCHITECTURE.to_owned(),
        }
    }

    /// Reads one; `None` when it is not of this format.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|marker| marker.version == FORMAT)
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> String {
        // Numbers and strings only.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let marker = Marker::new("bookworm");
        assert_eq!(Marker::parse(&marker.text()), Some(marker.clone()));
        assert!(marker.text().contains("\"made-as\": \"debian:bookworm\""));
        assert_eq!(Marker::parse(&marker.text().replace("\"version\": 1", "\"version\": 2")), None);
        assert_eq!(Marker::parse(""), None);
    }
}
