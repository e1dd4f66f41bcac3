//! One thing that is wrong with a profile, and where.

use std::{fmt, sync::Arc};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use serde::{Serialize, Serializer};

/// A range of bytes of the profile's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Span {
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What sort of mistake it is; stable, for programs that read the report.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name,)+ }

        impl Code {
            /// The name in reports, such as `unknown-key`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

codes! {
    /// The file is missing, a folder or not readable.
    Unreadable = "unreadable",
    /// The file is larger than a profile can be.
    TooLarge = "too-large",
    /// The file is not UTF-8.
    NotUtf8 = "not-utf8",
    /// The file says nothing.
    Empty = "empty",
    /// It is not YAML.
    Syntax = "syntax",
    /// It is nested or repeated beyond every sense.
    TooComplex = "too-complex",
    /// A newer format than this program knows.
    Version = "version",
    /// A number where a text stands, a list where a mapping stands, and so on.
    WrongType = "wrong-type",
    /// A key that is none.
    UnknownKey = "unknown-key",
    /// A key that stands twice.
    DuplicateKey = "duplicate-key",
    /// A key that has to stand.
    MissingKey = "missing-key",
    /// A key that makes no sense where it stands.
    MisplacedKey = "misplaced-key",
    /// A tag other than `!env` and `!file`, or one of them where no secret stands.
    Tag = "tag",
    /// A reference whose environment variable or file cannot be had.
    Reference = "reference",
    /// A secret file that others can read.
    SecretFileMode = "secret-file-mode",
    /// A secret written into the profile.
    LiteralSecret = "literal-secret",
    /// The cluster's name.
    ClusterName = "cluster-name",
    /// What the images are made of.
    Base = "base",
    /// A size that cannot be understood.
    Size = "size",
    /// Sizes that are each good and together too much.
    DoesNotFit = "does-not-fit",
    /// Where the brick is mounted.
    MountPoint = "mount-point",
    /// The brick's label.
    Label = "label",
    /// The time zone.
    TimeZone = "time-zone",
    /// The locale.
    Locale = "locale",
    /// The keyboard.
    Keyboard = "keyboard",
    /// The user's name.
    UserName = "user-name",
    /// A password that is no hash, or one that is too weak or damaged.
    Password = "password",
    /// A key line that is none.
    SshKey = "ssh-key",
    /// A private key where a public one belongs.
    PrivateKey = "private-key",
    /// How the user becomes root.
    Sudo = "sudo",
    /// Something needs a password and there is none.
    PasswordNeeded = "password-needed",
    /// The network's address and prefix.
    Subnet = "subnet",
    /// An address that cannot be understood or used.
    Address = "address",
    /// An address outside its network.
    OutsideSubnet = "outside-subnet",
    /// The network's own, its broadcast or its gateway's address.
    ReservedAddress = "reserved-address",
    /// The wireless network's name.
    Ssid = "ssid",
    /// The wireless network's passphrase.
    Passphrase = "passphrase",
    /// The country of the radio rules.
    Country = "country",
    /// A name that DNS cannot know.
    DnsName = "dns-name",
    /// A package's name, or one that is wanted and not wanted.
    Package = "package",
    /// An archive of packages.
    Source = "source",
    /// The key of an archive.
    SourceKey = "source-key",
    /// Something needs a package that the profile does not ask for.
    PackageNeeded = "package-needed",
    /// The volume's name.
    VolumeName = "volume-name",
    /// The volume's type, or one that does not go with its nodes.
    VolumeType = "volume-type",
    /// A node of the volume that there is not, or that cannot be in it.
    VolumeNode = "volume-node",
    /// Copies that can come to contradict each other.
    SplitBrain = "split-brain",
    /// An option of the volume.
    VolumeOption = "volume-option",
    /// The folder that is served.
    WebRoot = "web-root",
    /// An overlay.
    Overlay = "overlay",
    /// A node's name.
    NodeName = "node-name",
    /// A node's hardware address.
    Mac = "mac",
    /// A pattern of many nodes.
    Pattern = "pattern",
    /// Too many nodes, or none.
    NodeCount = "node-count",
    /// A name that two nodes have.
    DuplicateName = "duplicate-name",
    /// An address that two nodes have.
    DuplicateAddress = "duplicate-address",
    /// A hardware address that two nodes have.
    DuplicateMac = "duplicate-mac",
    /// Something that works and is probably not what is wanted.
    Doubtful = "doubtful",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Whether a problem stops the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does.
    Error,
    /// It does not.
    Warning,
}

/// A place in the profile that belongs to a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is there, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Byte range in the text.
    #[serde(skip)]
    pub(super) span: Span,
}

/// One thing that is wrong with a profile, ready to be shown; none of its parts carries a secret.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// What sort of mistake it is.
    pub code: Code,
    /// Whether it stops the build.
    pub severity: Severity,
    /// What is wrong, without a full stop.
    pub message: String,
    /// Where; only a file that cannot be read has no place.
    #[serde(flatten)]
    pub place: Option<Place>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other places that belong to it, such as the first of two equal names.
    pub related: Vec<Place>,
    /// The text with secrets masked.
    #[serde(skip)]
    pub(super) source: Option<Arc<NamedSource<String>>>,
}

impl Problem {
    /// Line, counted from 1; 0 if the problem has no place in the text.
    #[must_use]
    pub fn line(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.line)
    }

    /// Column in characters, counted from 1; 0 if the problem has no place in the text.
    #[must_use]
    pub fn column(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let own = self.place.iter().map(|place| label(place, true));
        Some(Box::new(own.chain(self.related.iter().map(|place| label(place, false)))))
    }
}

fn label(place: &Place, primary: bool) -> LabeledSpan {
    let text = Some(place.message.clone()).filter(|text| !text.is_empty());
    let span = (place.span.start, place.span.end.saturating_sub(place.span.start));
    if primary { LabeledSpan::new_primary_with_span(text, span) } else { LabeledSpan::new_with_span(text, span) }
}
