//! Why a download failed. No address here shows its query, none a login.

use std::{io, time::Duration};

use super::{Address, BadAddress};
use crate::{
    base::cache::CacheError,
    error::{Classified, Kind},
};

/// What can go wrong when a file is downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The address cannot be used.
    #[error("the address cannot be used: {0}")]
    Address(BadAddress),
    /// It is not there yet, and the network must not be used.
    #[error("`{address}` is not in the cache, and --offline forbids to download it")]
    Offline {
        /// The address.
        address: Address,
    },
    /// A proxy setting that cannot be used; its value may hold a password.
    #[error("the environment variable {variable} {reason}")]
    Proxy {
        /// The variable.
        variable: String,
        /// What is wrong.
        reason: String,
    },
    /// No connection, or one that broke.
    #[error("downloading `{address}`: {reason}")]
    Connection {
        /// The address.
        address: Address,
        /// What the system said.
        reason: String,
    },
    /// The server's certificate is not to be trusted.
    #[error("downloading `{address}`: no secure connection: {reason}")]
    Tls {
        /// The address.
        address: Address,
        /// What the TLS library said.
        reason: String,
    },
    /// What came is no HTTP.
    #[error("downloading `{address}`: the answer breaks the rules of HTTP: {reason}")]
    Protocol {
        /// The address.
        address: Address,
        /// What is wrong.
        reason: String,
    },
    /// The server has something else to say.
    #[error("downloading `{address}`: the server answered {status}{}", explained(*.status))]
    Status {
        /// The address.
        address: Address,
        /// Its status code.
        status: u16,
    },
    /// The server asks for a pause.
    #[error("downloading `{address}`: the server answered {status} and asks to come back in {} s", .wish.as_secs())]
    Later {
        /// The address.
        address: Address,
        /// Its status code.
        status: u16,
        /// How long.
        wish: Duration,
    },
    /// Nothing came any more.
    #[error("downloading `{address}`: nothing came for {} s", .after.as_secs())]
    Stalled {
        /// The address.
        address: Address,
        /// How long.
        after: Duration,
    },
    /// It would take for ever.
    #[error("downloading `{address}`: less than {} KiB came in {} s, which is too slow", .bytes >> 10, .during.as_secs())]
    Slow {
        /// The address.
        address: Address,
        /// How many bytes at least should have come
        bytes: u64,
        /// in how long.
        during: Duration,
    },
    /// The connection ended too early.
    #[error("downloading `{address}`: the connection ended after {received} of {expected} bytes")]
    Cut {
        /// The address.
        address: Address,
        /// Bytes that are there.
        received: u64,
        /// Bytes that the server announced.
        expected: u64,
    },
    /// The answer is another file than the one that was begun.
    #[error(
        "downloading `{address}`: the server now offers {}, not the file that was begun ({}); the {received} bytes that are there are kept",
        length(*.offered), length(*.begun)
    )]
    AnotherLength {
        /// The address.
        address: Address,
        /// Size of what it offers in bytes, if it tells it.
        offered: Option<u64>,
        /// Bytes that are there.
        received: u64,
        /// Size of what was begun in bytes, if the server told it.
        begun: Option<u64>,
    },
    /// More than it may have.
    #[error("`{address}` is larger than the {limit} bytes that it may have")]
    TooLarge {
        /// The address.
        address: Address,
        /// The limit in bytes.
        limit: u64,
    },
    /// From address to address without an end.
    #[error("`{address}` is redirected in a circle: {}", .chain.join(" → "))]
    Circle {
        /// Where it began.
        address: Address,
        /// All stations.
        chain: Vec<String>,
    },
    /// Too many stations.
    #[error("`{address}` is redirected more than {limit} times")]
    TooManyRedirects {
        /// Where it began.
        address: Address,
        /// How many are followed.
        limit: usize,
    },
    /// From a secure to an insecure address.
    #[error("`{address}` redirects to `{to}`, from https to http, which is refused")]
    Downgrade {
        /// The secure address.
        address: Address,
        /// The insecure one.
        to: Address,
    },
    /// To nowhere.
    #[error("`{address}` redirects to an address that cannot be used: {reason}")]
    Redirect {
        /// The address.
        address: Address,
        /// What is wrong with the other.
        reason: String,
    },
    /// All tries failed.
    #[error("gave up after {tries} tries in a row")]
    GaveUp {
        /// How many.
        tries: u32,
        /// How the last one failed.
        #[source]
        last: Box<FetchError>,
    },
    /// What came is not what the profile names.
    #[error("the SHA-256 of what `{address}` gave is {found}, expected {expected}; nothing of it was kept")]
    Digest {
        /// The address.
        address: Address,
        /// Its digest.
        found: String,
        /// That of the profile.
        expected: String,
    },
    /// It is the right one, and yet not as large as it is said to be.
    #[error("`{address}` has {found} bytes, expected {expected}")]
    Size {
        /// The address.
        address: Address,
        /// How many bytes it has.
        found: u64,
        /// How many bytes it should have.
        expected: u64,
    },
    /// The file that it is written to.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// No thread could be started.
    #[error("the download could not be started")]
    Start(#[source] io::Error),
    /// The user asked to stop.
    #[error("the download was interrupted")]
    Interrupted,
}

fn length(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "a file of unknown length".to_owned(), |bytes| format!("{bytes} bytes"))
}

/// What a status means for the user.
fn explained(status: u16) -> &'static str {
    match status {
        401 | 403 => ": access is denied",
        404 | 410 => ": there is no such file",
        407 => ": the proxy wants a login",
        429 => ": too many requests",
        500..=599 => ": it has a problem of its own",
        _ => "",
    }
}

impl FetchError {
    /// Whether a later run may go on with what is there.
    pub(in crate::base) fn keeps_partial(&self) -> bool {
        match self {
            Self::Digest { .. } | Self::Size { .. } | Self::TooLarge { .. } => false,
            Self::GaveUp { last, .. } => last.keeps_partial(),
            _ => true,
        }
    }
}

impl Classified for FetchError {
    fn kind(&self) -> Kind {
        match self {
            Self::Address(_) | Self::Offline { .. } | Self::Proxy { .. } => Kind::Usage,
            Self::Digest { .. } | Self::Size { .. } => Kind::Verification,
            Self::Downgrade { .. } => Kind::Refused,
            Self::TooLarge { .. } => Kind::Unsupported,
            Self::GaveUp { last, .. } => last.kind(),
            Self::Cache(error) => error.kind(),
            Self::Interrupted => Kind::Interrupted,
            _ => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Address(_) => "write https://HOST/PATH#sha256=DIGEST, or download the file by hand and give its path",
            Self::Offline { .. } => "run it once without --offline, or download the file elsewhere and give its path",
            Self::Proxy { .. } => "correct it, or list the host in NO_PROXY to reach it directly",
            Self::Tls { .. } => "a private certificate authority must be known to this system, or SSL_CERT_FILE must name its certificate",
            Self::Status { status: 404 | 410, .. } => "compare the address with the publisher's page: old images move away",
            Self::Status { status: 407, .. } => "put user name and password into the proxy's address",
            Self::Digest { .. } => "compare address and `#sha256=` with the publisher's page; if both are right, do not use that server",
            Self::Downgrade { .. } => "name the address where the file is, or download it by hand and give its path",
            Self::Circle { .. } | Self::TooManyRedirects { .. } | Self::Redirect { .. } | Self::Protocol { .. } => {
                "look at the address with a browser; a file that was downloaded by hand works as a base, too"
            }
            Self::Connection { .. } | Self::Stalled { .. } | Self::Slow { .. } | Self::Cut { .. } | Self::Later { .. } => {
                "run the command again later: it goes on where it stopped"
            }
            Self::AnotherLength { .. } => {
                "run the command again later; if what is kept is the wrong file, remove it: `berry-image cache rm` with the address"
            }
            Self::GaveUp { last, .. } => return last.hint(),
            Self::Cache(error) => return error.hint(),
            Self::Interrupted => "run the command again: it goes on where it stopped",
            Self::Status { .. } | Self::Size { .. } | Self::TooLarge { .. } | Self::Start(_) => return None,
        };
        Some(hint.to_owned())
    }
}
