//! What an archive or dpkg's database says of one package.

use super::{
    deb822::{Deb822Error, Stanza},
    relation::{AnyOf, Relation, RelationError, Relations, is_architecture, is_name},
    version::{Version, VersionError},
};
use crate::hex;

/// One version of a package. Everything in it is borrowed from the text in which it stands.
#[derive(Clone, Debug)]
pub struct Package<'a> {
    /// Name.
    pub name: &'a str,
    /// Version.
    pub version: Version<'a>,
    /// Architecture; `all` for what runs everywhere.
    pub architecture: &'a str,
    /// Name and version of the source package that it is built from.
    pub source: (&'a str, &'a str),
    /// How it goes with other architectures.
    pub multi_arch: MultiArch,
    /// What belongs on every system.
    pub priority: Priority,
    /// Whether dpkg refuses to remove it.
    pub essential: bool,
    /// Whether apt refuses to remove it (`Important` or `Protected`).
    pub protected: bool,
    /// What it needs, in apt's order: Pre-Depends, Depends, Recommends, Suggests.
    pub needs: Vec<Need<'a>>,
    /// What it cannot stand beside: Conflicts and Breaks, each a single package.
    pub conflicts: Vec<Relation<'a>>,
    /// Files of which packages it may overwrite.
    pub replaces: Vec<Relation<'a>>,
    /// Names under which it can be had besides its own, with their versions.
    pub provides: Vec<(&'a str, Option<Version<'a>>)>,
    /// Space that it takes when installed, in KiB, as it says itself.
    pub installed_size: u64,
    /// Where an archive keeps it.
    pub file: Option<ArchiveFile<'a>>,
}

/// Something that a package needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need<'a> {
    /// How badly.
    pub kind: NeedKind,
    /// What.
    pub any: AnyOf<'a>,
}

/// How badly something is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeedKind {
    /// Before it is unpacked.
    PreDepends,
    /// Before it is configured.
    Depends,
    /// In all but unusual installations.
    Recommends,
    /// To be more useful. Never installed for that, but kept.
    Suggests,
}

impl NeedKind {
    /// Whether the package does not work without.
    #[must_use]
    pub const fn is_critical(self) -> bool {
        matches!(self, Self::PreDepends | Self::Depends)
    }
}

/// How a package goes with other architectures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultiArch {
    /// It serves its own architecture only.
    #[default]
    No,
    /// It can be installed for several architectures at once.
    Same,
    /// It serves all architectures.
    Foreign,
    /// It serves another architecture where that is asked for by `:any`.
    Allowed,
}

/// What belongs on every system; the most important first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "Debian policy 2.5 says what each means")]
pub enum Priority {
    Required,
    Important,
    Standard,
    Optional,
    Extra,
    /// Not said.
    #[default]
    None,
}

/// A file in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveFile<'a> {
    /// Path below the archive's address.
    pub path: &'a str,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// No package is larger, in bytes: the sizes in its archive have ten digits (deb(5)).
const MAX_FILE: u64 = 9_999_999_999;

/// Why a stanza describes no package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// The text is not made of stanzas.
    #[error(transparent)]
    Text(#[from] Deb822Error),
    /// A field is missing or does not hold what it should.
    #[error("line {line}: the field {field} of the package `{package}`: {reason}")]
    Field {
        /// The line on which the stanza begins.
        line: usize,
        /// The package, as far as it has a name.
        package: String,
        /// The field.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl<'a> Package<'a> {
    /// Reads a stanza of an index or of dpkg's database.
    ///
    /// # Errors
    /// When a field that every package has is missing, or one does not hold what it should.
    pub fn new(stanza: &Stanza<'a>) -> Result<Self, PackageError> {
        let reader = Reader { stanza };
        let name = reader.required("Package")?;
        let version = reader.version("Version", reader.required("Version")?)?;
        let architecture = reader.required("Architecture")?;
        if !is_name(name) {
            return Err(reader.wrong("Package", "it is no name of a package"));
        }
        if !is_architecture(architecture) {
            return Err(reader.wrong("Architecture", "it is no name of an architecture"));
        }
        let needs = [
            ("Pre-Depends", NeedKind::PreDepends),
            ("Depends", NeedKind::Depends),
            ("Recommends", NeedKind::Recommends),
            ("Suggests", NeedKind::Suggests),
        ];
        let needs = needs.into_iter().map(|(field, kind)| Ok(reader.relations(field)?.0.into_iter().map(move |any| Need { kind, any })));
        Ok(Self {
            name,
            version,
            architecture,
            source: reader.source(name, version.as_str()),
            multi_arch: reader.multi_arch()?,
            priority: reader.priority(),
            essential: reader.is_set("Essential"),
            protected: reader.is_set("Important") || reader.is_set("Protected"),
            needs: {
                let mut all: Vec<Need<'_>> = needs.collect::<Result<Vec<_>, PackageError>>()?.into_iter().flatten().collect();
                all.shrink_to_fit();
                all
            },
            conflicts: [reader.single("Conflicts")?, reader.single("Breaks")?].concat(),
            replaces: reader.single("Replaces")?,
            provides: reader.provides()?,
            installed_size: reader.number("Installed-Size")?.unwrap_or(0),
            file: reader.file()?,
        })
    }

    /// Whether it runs on a system of this architecture.
    #[must_use]
    pub fn runs_on(&self, architecture: &str) -> bool {
        self.architecture == architecture || self.architecture == "all"
    }
}

struct Reader<'s, 'a> {
    stanza: &'s Stanza<'a>,
}

impl<'a> Reader<'_, 'a> {
    fn wrong(&self, field: &'static str, reason: impl Into<String>) -> PackageError {
        let package = self.stanza.get("Package").unwrap_or_default().chars().take(80).collect();
        PackageError::Field { line: self.stanza.line(), package, field, reason: reason.into() }
    }

    fn required(&self, field: &'static str) -> Result<&'a str, PackageError> {
        self.stanza.get(field).filter(|value| !value.is_empty()).ok_or_else(|| self.wrong(field, "it is missing"))
    }

    fn version(&self, field: &'static str, text: &'a str) -> Result<Version<'a>, PackageError> {
        Version::new(text).map_err(|error: VersionError| self.wrong(field, error.to_string()))
    }

    fn is_set(&self, field: &str) -> bool {
        self.stanza.get(field).is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }

    fn number(&self, field: &'static str) -> Result<Option<u64>, PackageError> {
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_plain).ok_or_else(|| self.wrong(field, "it is no number"))
        };
        self.stanza.get(field).map(number).transpose()
    }

    fn relations(&self, field: &'static str) -> Result<Relations<'a>, PackageError> {
        let relations = Relations::new(self.stanza.get(field).unwrap_or_default());
        relations.map_err(|error: RelationError| self.wrong(field, error.to_string()))
    }

    /// A field in which alternatives make no sense.
    fn single(&self, field: &'static str) -> Result<Vec<Relation<'a>>, PackageError> {
        let only = |AnyOf(mut any): AnyOf<'a>| match any.len() {
            1 => Ok(any.remove(0)),
            _ => Err(self.wrong(field, "alternatives may not stand here")),
        };
        self.relations(field)?.0.into_iter().map(only).collect()
    }

    fn provides(&self) -> Result<Vec<(&'a str, Option<Version<'a>>)>, PackageError> {
        use super::relation::Operator;
        let provided = |relation: Relation<'a>| match relation.constraint {
            None => Ok((relation.name, None)),
            Some(constraint) if constraint.operator == Operator::Equal => Ok((relation.name, Some(constraint.version))),
            Some(_) => Err(self.wrong("Provides", "a version can only be provided by `=`")),
        };
        self.single("Provides")?.into_iter().map(provided).collect()
    }

    fn multi_arch(&self) -> Result<MultiArch, PackageError> {
        Ok(match self.stanza.get("Multi-Arch") {
            None | Some("no") => MultiArch::No,
            Some("same") => MultiArch::Same,
            Some("foreign") => MultiArch::Foreign,
            Some("allowed") => MultiArch::Allowed,
            Some(_) => return Err(self.wrong("Multi-Arch", "it is none of no, same, foreign, allowed")),
        })
    }

    fn priority(&self) -> Priority {
        match self.stanza.get("Priority") {
            Some("required") => Priority::Required,
            Some("important") => Priority::Important,
            Some("standard") => Priority::Standard,
            Some("optional") => Priority::Optional,
            Some("extra") => Priority::Extra,
            _ => Priority::None,
        }
    }

    /// `Source: NAME (VERSION)`, where it differs from the package's own.
    fn source(&self, name: &'a str, version: &'a str) -> (&'a str, &'a str) {
        let Some(source) = self.stanza.get("Source") else { return (name, version) };
        let (name, rest) = source.split_once(' ').unwrap_or((source, ""));
        let own = rest.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        (name, own.unwrap_or(version))
    }

    fn file(&self) -> Result<Option<ArchiveFile<'a>>, PackageError> {
        let Some(path) = self.stanza.get("Filename") else { return Ok(None) };
        // Flat archives write it so.
        let path = path.strip_prefix("./").unwrap_or(path);
        let is_below = !path.starts_with('/') && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !is_below || path.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return Err(self.wrong("Filename", "it is no path below the archive"));
        }
        let size = self.number("Size")?.ok_or_else(|| self.wrong("Size", "it is missing"))?;
        if size == 0 || size > MAX_FILE {
            return Err(self.wrong("Size", format!("no package has {size} bytes")));
        }
        let sha256 = self.required("SHA256")?;
        let sha256 = hex::decode(sha256).ok_or_else(|| self.wrong("SHA256", "it does not have 64 hexadecimal digits"))?;
        Ok(Some(ArchiveFile { path, size, sha256 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debian::stanzas;

    const STANZA: &str = "Package: perl\nVersion: 5.36.0-7\nArchitecture: arm64\nMulti-Arch: allowed\nPriority: standard\n\
        Source: perl-src (1:5.36)\nDepends: perl-base (= 5.36.0-7), a | b\nPre-Depends: dpkg (>= 1)\nRecommends: netbase\n\
        Conflicts: perl-json-pp (<< 4)\nBreaks: old\nProvides: libjson-pp-perl (= 4.07), x\nInstalled-Size: 670\n\
        Filename: pool/main/p/perl/perl_5.36.0-7_arm64.deb\nSize: 239000\n\
        SHA256: 00ff000000000000000000000000000000000000000000000000000000000001\n";

    fn read(text: &str) -> Result<Package<'_>, PackageError> {
        Package::new(&stanzas(text).next().unwrap().unwrap())
    }

    #[test]
    fn a_stanza_becomes_a_package() {
        let package = read(STANZA).unwrap();
        assert_eq!((package.name, package.version.as_str(), package.source), ("perl", "5.36.0-7", ("perl-src", "1:5.36")));
        let needs: Vec<_> = package.needs.iter().map(|need| (need.kind, need.any.to_string())).collect();
        let expected = [
            (NeedKind::PreDepends, "dpkg (>= 1)"),
            (NeedKind::Depends, "perl-base (= 5.36.0-7)"),
            (NeedKind::Depends, "a | b"),
            (NeedKind::Recommends, "netbase"),
        ];
        assert_eq!(needs, expected.map(|(kind, any)| (kind, any.to_owned())));
        assert_eq!(package.conflicts.iter().map(ToString::to_string).collect::<Vec<_>>(), ["perl-json-pp (<< 4)", "old"]);
        assert_eq!(package.provides, [("libjson-pp-perl", Some(Version::new("4.07").unwrap())), ("x", None)]);
        assert_eq!((package.multi_arch, package.priority, package.installed_size), (MultiArch::Allowed, Priority::Standard, 670));
        let file = package.file.unwrap();
        assert_eq!((file.size, file.sha256[1], file.sha256[31]), (239_000, 0xff, 1));
        assert!(package.runs_on("arm64") && !package.runs_on("armhf"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_with_its_field() {
        let cases = [
            ("Version: 5.36.0-7\n", "", "Version"),
            ("Version: 5.36.0-7", "Version: x", "Version"),
            ("Package: perl", "Package: -perl", "Package"),
            ("Architecture: arm64", "Architecture: ../x", "Architecture"),
            ("allowed", "maybe", "Multi-Arch"),
            ("a | b", "a | ", "Depends"),
            ("Breaks: old", "Breaks: a | b", "Breaks"),
            ("(= 4.07)", "(>= 4.07)", "Provides"),
            ("670", "-1", "Installed-Size"),
            ("Size: 239000", "Size: x", "Size"),
            ("00ff", "00f", "SHA256"),
            ("pool/main", "/pool/main", "Filename"),
            ("pool/main", "pool/../..", "Filename"),
            ("pool/main", "pool/a b", "Filename"),
        ];
        for (old, new, expected) in cases {
            let text = STANZA.replacen(old, new, 1);
            let error = read(&text).unwrap_err();
            assert!(matches!(&error, PackageError::Field { field, .. } if *field == expected), "{new}: {error}");
        }
    }
}
