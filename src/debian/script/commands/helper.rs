//! dpkg-maintscript-helper(1): what it does, and under which conditions.

use super::packages::compare;
use crate::{
    debian::script::{
        Effect, Helper, Kind, ScriptError,
        eval::{Field, Found, Machine, Status},
    },
    tree::Kind as FileKind,
};

/// Runs it; `None` when its arguments are not understood.
pub(super) fn run(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let all_known = arguments.iter().all(|argument| argument.known);
    if arguments.iter().any(|argument| argument.many) {
        return Ok(None);
    }
    let words: Vec<&str> = arguments.iter().map(|argument| argument.text.as_str()).collect();
    let Some((command, words)) = words.split_first() else { return Ok(Some(Status::NO)) };
    let count = match *command {
        "supports" => {
            let supported = matches!(words.first(), Some(&("rm_conffile" | "mv_conffile" | "symlink_to_dir" | "dir_to_symlink")));
            return Ok(Some(Status::of(Some(supported))));
        }
        "rm_conffile" => 1,
        "mv_conffile" | "symlink_to_dir" | "dir_to_symlink" => 2,
        _ => return Ok(None),
    };
    let Some(end) = words.iter().position(|word| *word == "--") else { return Ok(Some(Status::NO)) };
    let (parameters, called) = (&words[..end], &words[end + 1..]);
    let (Some(paths), false) = (parameters.get(..count), called.is_empty()) else { return Ok(Some(Status::NO)) };
    let own = format!("{}:{}", machine.call.package, machine.call.package_architecture);
    let version = parameters.get(count).copied().unwrap_or_default();
    let package = parameters.get(count + 1).copied().filter(|package| !package.is_empty()).unwrap_or(&own);
    let helper = Call { command, paths, version, package, called };
    if !all_known {
        let decides = [&helper.version, &helper.called.get(1).copied().unwrap_or_default()].iter().all(|text| !text.contains('…'));
        let idle = decides && machine.call.kind == Kind::Preinst && helper.is_too_new();
        return Ok(idle.then_some(Status::YES));
    }
    let acts = helper.acts(machine);
    if acts != Some(false) {
        let effect = helper.effect();
        let certain = acts == Some(true);
        let record = |machine: &mut Machine<'_>| {
            machine.record(effect)?;
            Ok(Status::YES)
        };
        if certain {
            record(machine)?;
        } else {
            machine.maybe(record)?;
        }
    }
    Ok(Some(Status::YES))
}

/// A call of the helper.
struct Call<'c> {
    command: &'c str,
    paths: &'c [&'c str],
    /// The last version that had it; empty for any.
    version: &'c str,
    package: &'c str,
    /// The arguments of the script.
    called: &'c [&'c str],
}

impl Call<'_> {
    /// Whether there was no version before, or one that is newer than the last that had it.
    fn is_too_new(&self) -> bool {
        let old = self.called.get(1).copied().unwrap_or_default();
        old.is_empty() || compare(old, "le-nl", self.version).truth() == Some(false)
    }

    /// Whether it changes something; `None` when that is not known.
    fn acts(&self, machine: &mut Machine<'_>) -> Option<bool> {
        let action = self.called.first().copied().unwrap_or_default();
        let old = self.called.get(1).copied().unwrap_or_default();
        let path = self.paths.first().copied().unwrap_or_default();
        let is_old = || compare(old, "le-nl", self.version).truth();
        match machine.call.kind {
            Kind::Preinst if matches!(action, "install" | "upgrade") => {
                if self.is_too_new() {
                    return Some(false);
                }
                let there = match self.command {
                    "symlink_to_dir" => self.is_link(machine, path),
                    "dir_to_symlink" => is_folder(machine, path.trim_end_matches('/')),
                    // Whether the package has the file, and it is unchanged, is for dpkg's database to say.
                    _ => machine.exists(path),
                };
                all(is_old(), there)
            }
            Kind::Postinst if action == "configure" => match self.command {
                "rm_conffile" => {
                    let left = any(machine.exists(&format!("{path}.dpkg-backup")), machine.exists(&format!("{path}.dpkg-remove")));
                    all(Some(!old.is_empty()), all(is_old(), left))
                }
                "mv_conffile" => {
                    let left = any(machine.exists(path), machine.exists(&format!("{path}.dpkg-remove")));
                    all(Some(!old.is_empty()), all(is_old(), left))
                }
                "symlink_to_dir" => self.is_link(machine, &format!("{path}.dpkg-backup")),
                _ => {
                    let path = path.trim_end_matches('/');
                    let staged = machine.exists(&format!("{path}/.dpkg-staging-dir"));
                    all(machine.exists(&format!("{path}.dpkg-backup")), all(is_folder(machine, path), staged))
                }
            },
            Kind::Postrm if action == "purge" => {
                let names: &[&str] =
                    if self.command == "rm_conffile" { &[".dpkg-bak", ".dpkg-remove", ".dpkg-backup"] } else { &[".dpkg-backup"] };
                if self.command == "mv_conffile" {
                    return Some(false);
                }
                let path = path.trim_end_matches('/');
                let exists: Vec<_> = names.iter().map(|name| machine.there(&format!("{path}{name}"))).collect();
                exists.into_iter().fold(Some(false), any)
            }
            Kind::Postrm if matches!(action, "abort-install" | "abort-upgrade") => {
                let path = path.trim_end_matches('/');
                let left = any(machine.there(&format!("{path}.dpkg-backup")), machine.there(&format!("{path}.dpkg-remove")));
                all(Some(!old.is_empty()), all(is_old(), left))
            }
            _ => Some(false),
        }
    }

    /// Whether the link stands there and leads where it shall have led.
    fn is_link(&self, machine: &Machine<'_>, path: &str) -> Option<bool> {
        let wanted = self.paths.get(1).copied().unwrap_or_default();
        match machine.look(path, false) {
            Found::Nothing => Some(false),
            Found::Unknown => None,
            Found::Inode(inode) => match &inode.kind {
                FileKind::Symlink(target) if target == wanted.as_bytes() => Some(true),
                // Or it is the same place once its links are followed.
                FileKind::Symlink(_) if machine.same_place(path, wanted) => Some(true),
                _ => Some(false),
            },
        }
    }

    fn effect(&self) -> Effect {
        let own = |text: &str| text.to_owned();
        let path = self.paths.first().copied().unwrap_or_default();
        let second = || own(self.paths.get(1).copied().unwrap_or_default());
        let (version, package) = (own(self.version), own(self.package));
        Effect::Helper(match self.command {
            "rm_conffile" => Helper::RemoveConffile { path: own(path), version, package },
            "mv_conffile" => Helper::MoveConffile { from: own(path), to: second(), version, package },
            "symlink_to_dir" => Helper::SymlinkToDir { path: own(path), target: second(), version, package },
            _ => Helper::DirToSymlink { path: own(path.trim_end_matches('/')), target: second(), version, package },
        })
    }
}

fn is_folder(machine: &Machine<'_>, path: &str) -> Option<bool> {
    match machine.look(path, false) {
        Found::Nothing => Some(false),
        Found::Unknown => None,
        Found::Inode(inode) => Some(inode.children().is_some()),
    }
}

fn all(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn any(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}
