//! A suite of an archive as several sources together ask for it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::Place;
use crate::{
    base::fetch::{Address, BadAddress},
    debian::sources::{Source, SourcesError},
    hex,
};

/// A suite, and what of it is wanted.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The first source that asks for it: address, suite, options.
    pub source: Source,
    /// The components that all of its sources ask for together; empty for a flat archive.
    pub components: Vec<String>,
    /// Whether the profile asks for it, whose keys have no excuse for SHA-1.
    pub is_of_profile: bool,
    /// Whether its packages are said to run on ARMv6 although nobody knows the archive.
    pub is_armv6: bool,
}

impl Suite {
    /// What one source asks for.
    pub(super) fn new(mut source: Source, is_of_profile: bool, is_armv6: bool) -> Self {
        let components = std::mem::take(&mut source.components);
        Self { source, components, is_of_profile, is_armv6 }
    }

    /// Puts what several sources ask of the same suite together, as apt does. Sources for other architectures only are left out.
    ///
    /// # Errors
    /// When two sources of one suite trust different keys.
    pub(super) fn group(sources: impl Iterator<Item = Self>, architecture: &str) -> Result<Vec<Self>, SourcesError> {
        let mut suites: Vec<Self> = Vec::new();
        for mut new in sources.filter(|new| new.source.architectures.has(architecture)) {
            new.source.suite = new.source.suite.replace("$(ARCH)", architecture);
            // What has the same addresses is the same.
            let is_same = |suite: &&mut Self| suite.source.uri == new.source.uri && suite.folder() == new.folder();
            let Some(suite) = suites.iter_mut().find(is_same) else {
                suites.push(new);
                continue;
            };
            if suite.source.signed_by != new.source.signed_by {
                let first = &suite.source.origin;
                let reason = format!("the same suite is bound to other keys in line {} of {}", first.line, first.file);
                return Err(SourcesError { origin: new.source.origin, reason });
            }
            suite.is_of_profile |= new.is_of_profile;
            suite.is_armv6 |= new.is_armv6;
            for component in new.components {
                if !suite.components.contains(&component) {
                    suite.components.push(component);
                }
            }
        }
        Ok(suites)
    }

    /// Where it is, for messages.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { uri: self.source.uri.clone(), suite: self.source.suite.clone() }
    }

    /// The address of a file below the archive's own.
    pub(super) fn address(&self, path: &str) -> Result<Address, BadAddress> {
        Address::parse(&format!("{}/{path}", self.source.uri))
    }

    /// Path of its signed root, below the archive's address; ends with a slash or is empty.
    pub(super) fn folder(&self) -> String {
        match self.source.suite.strip_suffix('/') {
            Some(flat) => flat.split('/').filter(|part| !matches!(*part, "" | ".")).map(|part| format!("{part}/")).collect(),
            None => format!("dists/{}/", self.source.suite),
        }
    }

    /// Whether it is a flat archive: one index, no components.
    pub(super) fn is_flat(&self) -> bool {
        self.source.suite.ends_with('/')
    }

    /// The indices of packages that it may have, each with its component: path below its signed root, without the ending of a packer.
    pub(super) fn indices(&self, architecture: &str, has_all: bool) -> Vec<(String, String)> {
        if self.is_flat() {
            return vec![(String::new(), "Packages".to_owned())];
        }
        let architectures = [Some(architecture), has_all.then_some("all")];
        let index = |component: &String, architecture: &str| (component.clone(), format!("{component}/binary-{architecture}/Packages"));
        self.components.iter().flat_map(|component| architectures.iter().flatten().map(move |own| index(component, own))).collect()
    }

    /// Name under which the cache keeps its signed root.
    pub(super) fn key(&self) -> String {
        hex::encode(&Sha256::digest(self.to_string().as_bytes())).chars().take(32).collect()
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian::sources;

    fn suites(text: &str) -> Result<Vec<Suite>, SourcesError> {
        Suite::group(sources::read("a.list", text)?.into_iter().map(|source| Suite::new(source, false, false)), "arm64")
    }

    #[test]
    fn sources_of_a_suite_come_together() {
        let found = suites(
            "deb http://a.example/debian x main\ndeb http://b.example/ $(ARCH)/\ndeb [arch=amd64] http://c.example x main\n\
             deb http://a.example/debian x contrib main\n",
        )
        .unwrap();
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["http://a.example/debian x", "http://b.example arm64/"]);
        assert_eq!(found[0].components, ["main", "contrib"]);
        assert_eq!((found[0].folder().as_str(), found[1].folder().as_str()), ("dists/x/", "arm64/"));
        let paths = |suite: &Suite| suite.indices("arm64", true).into_iter().map(|(_, path)| path).collect::<Vec<_>>();
        let all =
            ["main/binary-arm64/Packages", "main/binary-all/Packages", "contrib/binary-arm64/Packages", "contrib/binary-all/Packages"];
        assert_eq!(paths(&found[0]), all);
        assert_eq!(paths(&found[1]), ["Packages"]);
        assert_ne!(found[0].key(), found[1].key());
    }

    #[test]
    fn a_suite_has_one_set_of_keys() {
        let flat = suites("deb http://a.example ./\ndeb http://a.example /\ndeb http://a.example .//\n").unwrap();
        assert_eq!(flat.len(), 1, "{flat:?}");
        let only = |options: &str| suites(&format!("deb [{options}] http://a.example x main\n")).unwrap().len();
        assert_eq!(["arch+=armhf", "arch-=i386", "arch=armhf arch+=arm64"].map(only), [1, 1, 1]);
        assert_eq!(["arch=armhf", "arch-=arm64", "arch=arm64 arch-=arm64"].map(only), [0, 0, 0]);
        let text = "deb [signed-by=/a.gpg] http://a.example x main\ndeb http://a.example x contrib\n";
        assert!(suites(text).unwrap_err().to_string().starts_with("a.list:2: the same suite is bound to other keys in line 1"));
    }
}
