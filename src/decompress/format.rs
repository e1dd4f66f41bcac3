//! What is decompressed.

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Not at all.
    Raw,
    /// The .xz file format: one or more streams.
    Xz,
    /// gzip (RFC 1952): one or more members.
    Gzip,
    /// Zstandard (RFC 8878): one or more frames.
    Zstd,
    /// A zip archive.
    Zip,
}

impl Format {
    /// Its name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Xz => "xz",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zip => "zip",
        }
    }
}
