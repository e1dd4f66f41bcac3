//! What archives offer: signed roots and indices, fetched and verified.

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::{
    Access, CONNECTIONS, RepositoryError, Setup, Suite,
    error::kind_of,
    index::{self, Form, Room, UnpackError},
    signed::Signed,
};
use crate::{
    base::{
        cache::Pending,
        fetch::{self, FetchError},
    },
    debian::release::{Expiry, Indexed, Release},
    error::Kind,
    parallel,
};

/// How often a mirror in mid-sync is asked again.
const RETRIES: u32 = 2;

/// What all archives of a setup offer.
#[derive(Debug)]
pub struct Archives {
    /// The suites, in the order of the setup.
    pub suites: Vec<Fetched>,
}

/// What one suite offers.
#[derive(Debug)]
pub struct Fetched {
    /// The suite.
    pub suite: Suite,
    /// Its signed root.
    pub release: Release,
    /// SHA-256 of the text that was signed.
    pub release_sha256: [u8; 32],
    /// Fingerprints of the keys that signed it.
    pub signers: Vec<String>,
    /// Its indices, in apt's order.
    pub indices: Vec<Index>,
    signed: Signed,
    pending: Vec<Pending>,
}

/// An index of packages.
#[derive(Debug)]
pub struct Index {
    /// The component; empty for a flat archive.
    pub component: String,
    /// Path below the signed root, as it was fetched.
    pub path: String,
    /// Size of what was fetched in bytes.
    pub size: u64,
    /// SHA-256 of what was fetched.
    pub sha256: [u8; 32],
    /// The text, unpacked.
    pub text: String,
}

impl Archives {
    /// Fetches what is new, takes the rest from the cache, and verifies all of it. `seen` tells of when a suite was when it was seen last
    /// by somebody else than this cache. Nothing is kept before [`Archives::keep`].
    ///
    /// # Errors
    /// When something cannot be had, or is not to be trusted.
    pub fn fetch(
        setup: &Setup,
        seen: impl Fn(&Suite) -> Option<OffsetDateTime> + Sync,
        access: &Access<'_>,
    ) -> Result<Self, RepositoryError> {
        if access.network.offline {
            must_be_cached(setup, access)?;
        }
        let room = Room::default();
        let suites =
            parallel::each(&setup.suites, CONNECTIONS, |suite| Fetcher { setup, suite, access, seen: seen(suite), room: &room }.run())?;
        Ok(Self { suites })
    }

    /// Gives to the cache what was fetched.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn keep(&mut self, access: &Access<'_>) -> Result<(), RepositoryError> {
        for fetched in &mut self.suites {
            for pending in std::mem::take(&mut fetched.pending) {
                access.files.keep(pending)?;
            }
            fetched.signed.keep(&fetched.suite, access)?;
        }
        Ok(())
    }
}

/// Offline, all that is missing is told at once.
fn must_be_cached(setup: &Setup, access: &Access<'_>) -> Result<(), RepositoryError> {
    let mut missing = Vec::new();
    for suite in &setup.suites {
        if Signed::cached(suite, access)?.is_none() {
            missing.push(format!("the index of {suite}"));
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(RepositoryError::Offline { missing, are_packages: false }) }
}

/// Fetches one suite.
struct Fetcher<'a> {
    setup: &'a Setup,
    suite: &'a Suite,
    access: &'a Access<'a>,
    /// When it was made as somebody saw it last.
    seen: Option<OffsetDateTime>,
    room: &'a Room,
}

/// A verified root.
struct Root {
    signed: Signed,
    release: Release,
    sha256: [u8; 32],
    signers: Vec<String>,
}

impl Fetcher<'_> {
    fn run(&self) -> Result<Fetched, RepositoryError> {
        let mut tries = 0;
        let (mut indices, mut pending) = (Vec::new(), Vec::new());
        loop {
            tries += 1;
            let root = match self.root() {
                // Of two files that belong together one may be new already.
                Err(RepositoryError::Signature { pair: true, source, .. }) if tries <= RETRIES && !self.access.network.offline => {
                    self.pause(tries, &source)?;
                    continue;
                }
                root => root?,
            };
            match self.indices(&root.release, &mut indices, &mut pending) {
                Ok(()) => {
                    let Root { signed, release, sha256, signers } = root;
                    return Ok(Fetched { suite: self.suite.clone(), release, release_sha256: sha256, signers, indices, signed, pending });
                }
                Err(RepositoryError::Fetch { source, .. }) if is_mid_sync(&source) => {
                    if tries > RETRIES {
                        return Err(RepositoryError::MidSync { place: self.suite.place(), tries, last: source });
                    }
                    self.room.give(indices.drain(..).map(|index| index.text.len() as u64).sum());
                    pending.clear();
                    self.pause(tries, &source)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Before a mirror that may be in mid-sync is asked again.
    fn pause(&self, tries: u32, trouble: &dyn std::error::Error) -> Result<(), RepositoryError> {
        let Self { suite, access, .. } = self;
        access.progress.note(&format!("{suite}: {trouble}; perhaps the mirror is in the middle of an update: trying again"));
        fetch::sleep(access.network.policy.pause.saturating_mul(tries), access.stop).map_err(|_| RepositoryError::Interrupted)
    }

    /// The signed root: verified, of the right suite and time, and not older than one that was seen before.
    fn root(&self) -> Result<Root, RepositoryError> {
        let Self { suite, access, .. } = *self;
        let keyring = self.setup.keys.of(suite)?;
        let cached = Signed::cached(suite, access)?;
        let signed = match (access.network.offline, &cached) {
            (true, Some(cached)) => cached.clone(),
            (true, None) => return Err(RepositoryError::Offline { missing: vec![format!("the index of {suite}")], are_packages: false }),
            (false, _) => Signed::fetch(suite, access)?,
        };
        let wrong = |source| RepositoryError::Release { place: suite.place(), source };
        let verified = signed.verify(suite, &keyring, access.now)?;
        let release = Release::new(&verified).map_err(wrong)?;
        let expiry = if self.setup.may_have_expired(suite) { Expiry::Allowed } else { Expiry::Refused };
        let expired = release.check(&suite.source, access.now, expiry).map_err(wrong)?;
        // What the cache has was verified when it came; it is again, because a cache is a file like any other.
        let earlier = cached.filter(|cached| *cached != signed).and_then(|cached| {
            let verified = cached.verify(suite, &keyring, access.now).ok()?;
            Release::new(&verified).ok().map(|release| release.date)
        });
        if let Some(seen) = earlier.into_iter().chain(self.seen).max().filter(|seen| release.is_rollback(*seen)) {
            return Err(RepositoryError::Rollback { place: suite.place(), date: release.date, seen });
        }
        self.must_run_on_all(&release)?;
        for note in verified.notes() {
            access.progress.note(&format!("{suite}: {note}"));
        }
        if expired.is_some() {
            access.progress.note(&format!("{suite}: it has expired, and is used because its source or the profile allows it"));
        }
        let signers = verified.signers().iter().map(|signer| signer.fingerprint.clone()).collect();
        Ok(Root { signed, release, sha256: Sha256::digest(verified.text()).into(), signers })
    }

    /// Debian's armhf is ARMv7: on a Pi 1 or Zero, which Raspbian is for, its programs end with an illegal instruction.
    fn must_run_on_all(&self, release: &Release) -> Result<(), RepositoryError> {
        const ARMV6: [&str; 2] = ["Raspbian", "Raspberry Pi Foundation"];
        let origin = release.origin.as_deref().unwrap_or("an unnamed origin");
        if !self.setup.is_armv6 || self.suite.is_armv6 || ARMV6.contains(&origin) {
            return Ok(());
        }
        Err(RepositoryError::Family { place: self.suite.place(), origin: origin.escape_debug().to_string() })
    }

    fn indices(&self, release: &Release, indices: &mut Vec<Index>, pending: &mut Vec<Pending>) -> Result<(), RepositoryError> {
        for (component, path) in self.suite.indices(self.setup.architecture, release.has_all) {
            let Some(form) = index::form(release, &path) else {
                self.access.progress.note(&format!("{}: it has no `{path}` with a SHA-256, which is passed over", self.suite));
                continue;
            };
            let bytes = self.bytes(release, &form, pending)?;
            let plain: Option<&Indexed> = release.file(&path);
            let text = index::unpack(&bytes, form.packing, plain, self.room).map_err(|error| match error {
                UnpackError::NoRoom => RepositoryError::TooMuch { what: "bytes of indices", limit: index::MAX_TEXT },
                UnpackError::Form(reason) => RepositoryError::Index { place: self.suite.place(), path: form.path.clone(), reason },
            })?;
            indices.push(Index { component, path: form.path, size: form.size, sha256: form.sha256, text });
        }
        if indices.is_empty() {
            let architecture = self.setup.architecture.to_owned();
            return Err(RepositoryError::Nothing { place: self.suite.place(), architecture, components: self.suite.components.join(", ") });
        }
        Ok(())
    }

    /// The bytes of an index, from the cache or from the archive.
    fn bytes(&self, release: &Release, form: &Form, pending: &mut Vec<Pending>) -> Result<Vec<u8>, RepositoryError> {
        let Self { suite, access, .. } = *self;
        if form.size == 0 {
            return Ok(Vec::new());
        }
        if form.size > index::MAX_TEXT {
            return Err(RepositoryError::TooMuch { what: "bytes of indices", limit: index::MAX_TEXT });
        }
        if let Some(bytes) = access.cached(|files| files.read(&form.sha256, form.size, access.stop))? {
            return Ok(bytes);
        }
        if access.network.offline {
            return Err(RepositoryError::Offline { missing: vec![format!("`{}` of {suite}", form.path)], are_packages: false });
        }
        let folder = suite.folder();
        let by_name = format!("{folder}{}", form.path);
        let is_by_hash = suite.source.by_hash.unwrap_or(release.by_hash);
        let by_hash = release.file(&form.path).filter(|_| is_by_hash).map(|indexed| format!("{folder}{}", indexed.by_hash(&form.path)));
        let name = format!("{} {}", suite.source.suite, form.path);
        let get = |path: &str| {
            let address = suite.address(path).map_err(|reason| RepositoryError::Address { place: suite.place(), reason })?;
            fetch::download(&address, &name, (&form.sha256, form.size), access.files, access.network, access.progress, access.stop)
                .map_err(|error| RepositoryError::fetch(suite.place(), error))
        };
        let got = match by_hash.as_deref().map(get) {
            Some(Ok(got)) => got,
            None => get(&by_name)?,
            // Not every mirror has what its root promises; by name it is the same file or none.
            Some(Err(RepositoryError::Fetch { source, .. })) if matches!(*source, FetchError::Status { .. }) => get(&by_name)?,
            Some(Err(error)) => return Err(error),
        };
        let bytes = got.read()?;
        pending.push(got);
        Ok(bytes)
    }
}

/// Whether an index that does not fit may be one of another time.
fn is_mid_sync(error: &FetchError) -> bool {
    matches!(error, FetchError::Status { status: 404 | 410, .. }) || kind_of(error) == Kind::Verification
}
