//! Relations between packages, deb-control(5) and Debian policy 7: `a (>= 1) | b:any, c`.

use std::{cmp::Ordering, fmt};

use super::version::{Version, VersionError};

/// What a package needs: all of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations<'a>(pub Vec<AnyOf<'a>>);

/// Alternatives, any of which will do; the first is preferred. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyOf<'a>(pub Vec<Relation<'a>>);

/// A package, by name and perhaps by version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation<'a> {
    /// Name of a package, or of something that a package provides.
    pub name: &'a str,
    /// What stands behind the colon: an architecture, or `any`.
    pub qualifier: Option<&'a str>,
    /// Which versions.
    pub constraint: Option<Constraint<'a>>,
}

/// Which versions of a package are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraint<'a> {
    /// How they compare with `version`.
    pub operator: Operator,
    /// The version that they are compared with.
    pub version: Version<'a>,
}

/// How a version compares with that of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`, and the old `<`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`, and the old `>`
    LaterOrEqual,
    /// `>>`
    Later,
}

/// Why some text is no relation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelationError {
    /// It does not have the form of one.
    #[error("`{text}` is no relation to a package: {reason}")]
    Form {
        /// The text.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Its version is none.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// There are more than anybody needs.
    #[error("it has more than {limit} parts")]
    TooMany {
        /// How many may be.
        limit: usize,
    },
}

/// How many relations a field may have. Those of Debian have up to 1,603.
pub const MAX_RELATIONS: usize = 10_000;
/// How many alternatives a relation may have. Those of Debian have up to 22.
pub const MAX_ALTERNATIVES: usize = 1_000;

impl<'a> Relations<'a> {
    /// Reads a field such as `Depends`.
    ///
    /// # Errors
    /// When one of the relations is none, or there are too many.
    pub fn new(field: &'a str) -> Result<Self, RelationError> {
        let parts = field.split(',').map(str::trim).filter(|part| !part.is_empty());
        exactly(field, ',', MAX_RELATIONS, parts.map(AnyOf::new)).map(Self)
    }
}

impl<'a> AnyOf<'a> {
    fn new(text: &'a str) -> Result<Self, RelationError> {
        exactly(text, '|', MAX_ALTERNATIVES, text.split('|').map(Relation::new)).map(Self)
    }
}

/// Collects the parts of a text without room to spare: an archive has 600,000 relations, and most stand alone.
fn exactly<T>(
    text: &str,
    between: char,
    limit: usize,
    parts: impl Iterator<Item = Result<T, RelationError>>,
) -> Result<Vec<T>, RelationError> {
    let count = text.matches(between).count() + usize::from(!text.is_empty());
    if count > limit {
        return Err(RelationError::TooMany { limit });
    }
    let mut all = Vec::with_capacity(count);
    for part in parts {
        all.push(part?);
    }
    Ok(all)
}

impl<'a> Relation<'a> {
    /// Reads one alternative. Restrictions to architectures and build profiles, which only source packages have, are refused.
    ///
    /// # Errors
    /// When it has another form, or its version is none.
    pub fn new(text: &'a str) -> Result<Self, RelationError> {
        let text = text.trim();
        let wrong = |reason| RelationError::Form { text: text.chars().take(80).collect(), reason };
        let (full, rest) = text.find([' ', '\t', '\n', '(', '[', '<']).map_or((text, ""), |end| text.split_at(end));
        let (name, qualifier) = full.split_once(':').map_or((full, None), |(name, qualifier)| (name, Some(qualifier)));
        if !is_name(name) {
            return Err(wrong("it does not begin with the name of a package"));
        }
        if qualifier.is_some_and(|qualifier| !is_architecture(qualifier)) {
            return Err(wrong("no architecture stands behind the colon"));
        }
        let rest = rest.trim();
        if rest.is_empty() {
            return Ok(Self { name, qualifier, constraint: None });
        }
        let inner = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let inner = inner.ok_or_else(|| wrong("a version in round brackets is all that may follow the name"))?.trim();
        let (operator, version) = inner.split_at(inner.bytes().take_while(|byte| b"<=>".contains(byte)).count());
        let operator = match operator {
            "<<" => Operator::Earlier,
            "<=" | "<" => Operator::EarlierOrEqual,
            "=" | "" => Operator::Equal,
            ">=" | ">" => Operator::LaterOrEqual,
            ">>" => Operator::Later,
            _ => return Err(wrong("its comparison is none of <<, <=, =, >=, >>")),
        };
        Ok(Self { name, qualifier, constraint: Some(Constraint { operator, version: Version::new(version)? }) })
    }

    /// Whether a package with this version is meant. What has no version (a provided name without one) is meant only where none is asked
    /// for.
    #[must_use]
    pub fn admits(&self, version: Option<&Version<'_>>) -> bool {
        match (&self.constraint, version) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(constraint), Some(version)) => constraint.admits(version),
        }
    }
}

impl Constraint<'_> {
    /// Whether a version is meant.
    #[must_use]
    pub fn admits(&self, version: &Version<'_>) -> bool {
        let order = version.cmp(&self.version);
        match self.operator {
            Operator::Earlier => order == Ordering::Less,
            Operator::EarlierOrEqual => order != Ordering::Greater,
            Operator::Equal => order == Ordering::Equal,
            Operator::LaterOrEqual => order != Ordering::Less,
            Operator::Later => order == Ordering::Greater,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(qualifier) = self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        match &self.constraint {
            Some(Constraint { operator, version }) => write!(f, " ({operator} {version})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for AnyOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, relation) in self.0.iter().enumerate() {
            write!(f, "{}{relation}", if index == 0 { "" } else { " | " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Relations<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, any) in self.0.iter().enumerate() {
            write!(f, "{}{any}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// Whether it can be the name of a package: Debian policy 5.6.1, with the capitals and underscores that dpkg takes, too.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
}

/// Whether it can be the name of an architecture.
#[must_use]
pub fn is_architecture(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_are_written_as_they_were_read() {
        let text = "libc6 (>= 2.34), debconf (>= 0.5) | debconf-2.0, python3:any (<< 3.12), a:arm64 | b (= 1:2-3) | c (>> 1), x (<= 1~)";
        assert_eq!(Relations::new(text).unwrap().to_string(), text);
        let untidy = "a(>=1)  |\n b , ,c ( < 2 ),\td( 3 ), e (>4),";
        assert_eq!(Relations::new(untidy).unwrap().to_string(), "a (>= 1) | b, c (<= 2), d (= 3), e (>= 4)");
        assert!(Relations::new(" ").unwrap().0.is_empty());
    }

    #[test]
    fn versions_are_compared() {
        let admitted = |text: &'static str| {
            let relation = Relation::new(text).unwrap();
            ["1", "2", "3"].map(|version| relation.admits(Some(&Version::new(version).unwrap())))
        };
        assert_eq!(admitted("a"), [true, true, true]);
        assert_eq!(admitted("a (<< 2)"), [true, false, false]);
        assert_eq!(admitted("a (<= 2)"), [true, true, false]);
        assert_eq!(admitted("a (= 2)"), [false, true, false]);
        assert_eq!(admitted("a (>= 2)"), [false, true, true]);
        assert_eq!(admitted("a (>> 2)"), [false, false, true]);
        assert!(Relation::new("a").unwrap().admits(None) && !Relation::new("a (>= 0)").unwrap().admits(None));
    }

    #[test]
    fn what_is_no_relation_is_told() {
        for text in [
            "|",
            "a |",
            "(>= 1)",
            "a b",
            "a (>= 1",
            "a >= 1",
            "a (=> 1)",
            "a (>= )",
            "a (>= x)",
            "a [arm64]",
            "a <cross>",
            "a:",
            "a:B",
            "-a",
        ] {
            assert!(Relations::new(text).is_err(), "{text}");
        }
    }
}
