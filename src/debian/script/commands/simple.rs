//! Commands whose effect is told by their name.

use crate::debian::script::{
    Effect, ScriptError,
    eval::{Field, Found, Machine, Status},
};
use crate::tree::Kind;

/// Programs that make an index or a cache again.
const REFRESH: &[&str] = &[
    "ldconfig",
    "update-mime-database",
    "update-desktop-database",
    "update-icon-caches",
    "gtk-update-icon-cache",
    "glib-compile-schemas",
    "fc-cache",
    "depmod",
    "update-initramfs",
    "update-ca-certificates",
    "update-info-dir",
    "update-menus",
    "update-mime",
    "install-info",
    "texhash",
    "mktexlsr",
    "systemd-hwdb",
    "udevadm",
    "update-fonts-scale",
    "update-fonts-dir",
    "update-fonts-alias",
    "update-shells",
    "update-python-modules",
    "update-grub",
    "mandb",
    "update-xmlcatalog",
    "update-catalog",
    "update-binfmts",
    "pam-auth-update",
    "linux-update-symlinks",
    "update-default-ispell",
    "update-default-wordlist",
    "update-dictcommon-hunspell",
    "update-dictcommon-aspell",
    "locale-gen",
    "update-locale",
    "gdk-pixbuf-query-loaders",
    "gio-querymodules",
    "update-gsfonts",
    "update-pciids",
];

/// Runs one; `None` when it is none of them.
pub(super) fn run(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let words = super::known(arguments);
    let effect = match name {
        "systemd-sysusers" | "systemd-tmpfiles" => {
            let Some(words) = words else { return Ok(None) };
            let options: Vec<&String> = words.iter().filter(|word| word.starts_with('-')).collect();
            let plain = options.iter().all(|option| matches!(option.as_str(), "--create" | "--remove" | "--replace"));
            let files: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
            if !plain && name == "systemd-sysusers" || options.iter().any(|option| option.starts_with("--root")) {
                return Ok(None);
            }
            let make = |file: String| if name == "systemd-sysusers" { Effect::SysusersFile(file) } else { Effect::TmpfilesFile(file) };
            if files.is_empty() {
                machine.record(make(String::new()))?;
            }
            for file in files {
                machine.record(make(file.clone()))?;
            }
            machine.forget_accounts();
            return Ok(Some(Status::YES));
        }
        "py3clean" | "pypy3clean" | "pyclean" => {
            let package = words.as_deref().and_then(|words| match words {
                [option, package] if option == "-p" => Some(package.clone()),
                _ => None,
            });
            match package {
                Some(package) => Effect::PyClean { package },
                None => return Ok(None),
            }
        }
        "py3compile" | "pypy3compile" | "pycompile" => {
            let Some(words) = words else { return Ok(None) };
            let position = words.iter().position(|word| word == "-p");
            let package = position.and_then(|position| words.get(position + 1)).cloned().unwrap_or_default();
            Effect::PyCompile { package }
        }
        "update-alternatives" => {
            let Some(mut words) = words else { return Ok(None) };
            words.retain(|word| !matches!(word.as_str(), "--quiet" | "--force" | "--skip-auto" | "--verbose"));
            match words.first().map(String::as_str) {
                Some("--install") => {
                    words.remove(0);
                    Effect::InstallAlternative { arguments: words }
                }
                Some("--query" | "--list" | "--display" | "--get-selections") => return Ok(Some(Status::Unknown)),
                Some("--remove" | "--remove-all") => {
                    // One that is not recorded is not removed.
                    let group = words.get(1).cloned().unwrap_or_default();
                    if machine.exists(&format!("/var/lib/dpkg/alternatives/{group}")) == Some(false) {
                        return Ok(Some(Status::YES));
                    }
                    Effect::ChangeAlternative { arguments: words }
                }
                Some(option) if option.starts_with("--admindir") || option.starts_with("--altdir") => return Ok(None),
                _ => Effect::ChangeAlternative { arguments: words },
            }
        }
        "setcap" => {
            let Some(words) = words else { return Ok(None) };
            match words.iter().filter(|word| *word != "-q").collect::<Vec<_>>().as_slice() {
                [capabilities, path] if machine.program(path) != Some(None) => {
                    Effect::Mode { path: (*path).clone(), mode: (*capabilities).clone(), recursive: false }
                }
                [_, _] => return Ok(Some(Status::NO)),
                _ => return Ok(None),
            }
        }
        "ucf" | "ucfr" => match words {
            Some(arguments) => Effect::Ucf { arguments: [name.to_owned()].into_iter().chain(arguments).collect() },
            None => return Ok(None),
        },
        "debconf-communicate" | "debconf-set-selections" => Effect::Debconf { command: super::shown(name, arguments) },
        _ if name.starts_with("db_") && machine.debconf => return debconf(machine, name, arguments).map(Some),
        _ if REFRESH.contains(&name) => {
            // Programs that are not there do nothing.
            if machine.program(name) == Some(None) {
                return Ok(Some(Status::Known(127)));
            }
            Effect::Refresh { command: super::shown(name, arguments) }
        }
        _ => return Ok(None),
    };
    machine.record(effect)?;
    Ok(Some(Status::YES))
}

/// A function of debconf's module for the shell; the answer comes in `RET`.
fn debconf(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<Status, ScriptError> {
    machine.assign("RET", crate::debian::script::eval::Value::Unknown)?;
    machine.record(Effect::Debconf { command: super::shown(name, arguments) })?;
    // A question that is not asked is told by the status.
    Ok(if matches!(name, "db_stop" | "db_purge" | "db_version" | "db_capb" | "db_title") { Status::YES } else { Status::Unknown })
}

/// Runs grep on a text that is known with a pattern that is plain; `None` when it is not.
pub(super) fn grep(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let Some(words) = super::known(arguments) else { return Ok(None) };
    let (mut letters, mut rest) = (String::new(), Vec::new());
    for word in &words {
        match word.as_str() {
            "--quiet" | "--silent" => letters.push('q'),
            "--fixed-strings" => letters.push('F'),
            word if word.starts_with("--") => return Ok(None),
            word if word.starts_with('-') && word.len() > 1 => letters.push_str(&word[1..]),
            word => rest.push(word.to_owned()),
        }
    }
    // Only whether something is found.
    if !letters.chars().all(|letter| matches!(letter, 'q' | 's' | 'F' | 'x' | 'E')) || !letters.contains('q') {
        return Ok(None);
    }
    let (pattern, text) = match rest.as_slice() {
        [pattern] => (pattern, machine.input()),
        [pattern, file] => {
            let Some(path) = machine.path(file) else { return Ok(None) };
            if machine.exists(&path) == Some(false) {
                return Ok(Some(Status::Known(2)));
            }
            (pattern, machine.file_text(&path)?)
        }
        _ => return Ok(None),
    };
    let Some(text) = text else { return Ok(None) };
    let fixed = letters.contains('F') || name == "fgrep";
    let whole = letters.contains('x');
    let (start, middle, end) = if fixed {
        (false, pattern.as_str(), false)
    } else {
        let start = pattern.starts_with('^');
        let middle = pattern.strip_prefix('^').unwrap_or(pattern);
        let end = middle.ends_with('$');
        (start, middle.strip_suffix('$').unwrap_or(middle), end)
    };
    if middle.contains('\n') || (!fixed && middle.contains(['\\', '.', '*', '[', ']', '^', '$', '+', '?', '(', ')', '{', '}', '|'])) {
        return Ok(None);
    }
    machine.spend(1 + text.len() / 256)?;
    let found = text.lines().any(|line| match (start || whole, end || whole) {
        (true, true) => line == middle,
        (true, false) => line.starts_with(middle),
        (false, true) => line.ends_with(middle),
        (false, false) => line.contains(middle),
    });
    Ok(Some(Status::of(Some(found))))
}

/// Runs readlink for a link whose text is asked for; `None` when it is another call.
pub(super) fn read_link(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let ("readlink", Some(words)) = (name, super::known(arguments)) else { return Ok(None) };
    let [path] = words.as_slice() else { return Ok(None) };
    let Some(path) = machine.path(path) else { return Ok(None) };
    match machine.look(&path, false) {
        Found::Unknown => Ok(None),
        Found::Inode(inode) => match &inode.kind {
            Kind::Symlink(target) => match str::from_utf8(target) {
                Ok(target) => {
                    machine.print_line(target)?;
                    Ok(Some(Status::YES))
                }
                Err(_) => Ok(None),
            },
            _ => Ok(Some(Status::NO)),
        },
        Found::Nothing => Ok(Some(Status::NO)),
    }
}
