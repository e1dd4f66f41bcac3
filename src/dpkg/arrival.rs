//! A package that comes: what its control archive says.

use super::{
    DpkgError,
    database::{Database, Id, Path},
    record::NEW_CONFFILE,
};
use crate::debian::{Package, Stanza, deb::Deb, stanzas};

/// No package has more conffiles; those of Debian have up to 600.
const MAX_CONFFILES: usize = 10_000;

/// A package on its way into a tree.
pub(super) struct Arrival<'a> {
    pub(super) id: Id,
    pub(super) deb: &'a Deb,
    pub(super) stanza: Stanza<'a>,
    pub(super) package: Package<'a>,
    /// Its conffiles, in the order of its control archive; later those that it does not have any more.
    pub(super) conffiles: Vec<NewConffile>,
    /// Its files, in the order of its archive.
    pub(super) files: Vec<Placed>,
}

/// A conffile of a package that comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewConffile {
    pub(super) path: String,
    /// That of the version configured last, or [`NEW_CONFFILE`].
    pub(super) hash: String,
    /// The version that comes does not have it, or leaves it to another package.
    pub(super) is_obsolete: bool,
    /// The version that comes removes it.
    pub(super) goes_on_upgrade: bool,
}

/// A path of a package that comes.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    /// As the package ships it; `/.` for the root.
    pub(super) path: Path,
    /// Whether other packages lose the path.
    pub(super) is_taken: bool,
    /// Whether the image's dpkg is configured to leave the path out.
    pub(super) is_left_out: bool,
    /// MD5 of the content of a regular file.
    pub(super) md5: Option<[u8; 16]>,
}

impl<'a> Arrival<'a> {
    /// Reads the control file and finds the place in the database.
    pub(super) fn read(deb: &'a Deb, database: &mut Database) -> Result<Self, DpkgError> {
        let sound = |text: Option<&'a [u8]>| std::str::from_utf8(text.unwrap_or_default()).unwrap_or_default();
        let text = sound(deb.control_text("control"));
        let mut all = stanzas(text);
        let stanza = match (all.next(), all.next()) {
            (Some(Ok(stanza)), None) => stanza,
            (Some(Err(error)), _) => return Err(DpkgError::package("?", format!("its control file, {error}"))),
            _ => return Err(DpkgError::package("?", "its control file has no or several stanzas")),
        };
        let name = stanza.get("Package").unwrap_or("?");
        let package = Package::new(&stanza).map_err(|error| DpkgError::field(name, &error))?;
        if !package.runs_on(&database.native) {
            let reason = format!("it is for {}, and the image is {}", package.architecture, database.native);
            return Err(DpkgError::package(name, reason));
        }
        let id = database.slot(package.name, package.architecture, package.multi_arch)?;
        let list = std::str::from_utf8(deb.control_text("conffiles").unwrap_or_default());
        let conffiles = conffiles(package.name, list.map_err(|_| DpkgError::package(name, "its conffiles are not UTF-8"))?)?;
        Ok(Self { id, deb, stanza, package, conffiles, files: Vec::new() })
    }

    /// The package's name.
    pub(super) fn name(&self) -> &'a str {
        self.package.name
    }

    /// The conffile at a path that the version that comes has.
    pub(super) fn conffile(&self, path: &[u8]) -> Option<usize> {
        self.conffiles.iter().position(|conffile| conffile.path.as_bytes() == path && !conffile.goes_on_upgrade)
    }

    /// Takes over the hashes of conffiles that were configured before, in this or another package.
    pub(super) fn inherit_hashes(&mut self, database: &Database) {
        for conffile in &mut self.conffiles {
            let owners = database.owners(conffile.path.as_bytes());
            let hash =
                |id: &Id| database.get(*id).conffiles.iter().find(|known| known.path == conffile.path).map(|known| known.hash.clone());
            let own = owners.iter().find(|id| **id == self.id).and_then(hash);
            if let Some(hash) = own.or_else(|| owners.iter().find_map(hash)) {
                conffile.hash = hash;
            }
        }
    }
}

/// Name of a package that comes; empty where its control file does not say.
pub(super) fn name(deb: &Deb) -> &str {
    let text = deb.control_text("control").and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    stanzas(text).next().and_then(Result::ok).and_then(|stanza| stanza.get("Package")).unwrap_or_default()
}

/// One absolute path a line, perhaps with a flag in front: deb-conffiles(5).
fn conffiles(package: &str, text: &str) -> Result<Vec<NewConffile>, DpkgError> {
    if text.lines().count() > MAX_CONFFILES {
        return Err(DpkgError::package(package, format!("it has more than {MAX_CONFFILES} conffiles")));
    }
    let mut found = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let wrong = |reason: &str| DpkgError::package(package, format!("its conffile `{}`: {reason}", line.escape_debug()));
        let (goes_on_upgrade, path) = match line.split_once(' ') {
            _ if line.starts_with('/') => (false, line),
            Some(("remove-on-upgrade", path)) if path.starts_with('/') => (true, path),
            _ => return Err(wrong("it is neither an absolute path nor one with a known flag")),
        };
        found.push(NewConffile { path: path.to_owned(), hash: NEW_CONFFILE.to_owned(), is_obsolete: false, goes_on_upgrade });
    }
    Ok(found)
}
