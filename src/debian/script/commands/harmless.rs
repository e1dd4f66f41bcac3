//! Commands that only read or print.

use crate::debian::script::eval::Field;

/// Commands that change nothing, whatever their arguments.
const READERS: &[&str] = &[
    "arch",
    "b2sum",
    "base32",
    "base64",
    "cksum",
    "cmp",
    "comm",
    "cut",
    "df",
    "diff",
    "du",
    "egrep",
    "expr",
    "factor",
    "fgrep",
    "findmnt",
    "fold",
    "free",
    "getcap",
    "getconf",
    "getent",
    "getfacl",
    "getopt",
    "gettext",
    "grep",
    "groups",
    "head",
    "hostid",
    "id",
    "join",
    "ldd",
    "locale",
    "logger",
    "logname",
    "ls",
    "lsattr",
    "lsblk",
    "lscpu",
    "lsmod",
    "lspci",
    "lsusb",
    "md5sum",
    "mountpoint",
    "namei",
    "nl",
    "nproc",
    "od",
    "paste",
    "pathchk",
    "pgrep",
    "pidof",
    "printenv",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "rev",
    "runlevel",
    "seq",
    "sha1sum",
    "sha224sum",
    "sha256sum",
    "sha384sum",
    "sha512sum",
    "sleep",
    "stat",
    "strings",
    "sum",
    "tac",
    "tail",
    "tr",
    "tty",
    "type",
    "uname",
    "uptime",
    "users",
    "wc",
    "which",
    "who",
    "whoami",
    "zcat",
    "zgrep",
    "apt-config",
    "dpkg-architecture",
    "dpkg-vendor",
    "lsb_release",
    "ischroot",
    "systemd-detect-virt",
    "systemd-path",
    "systemd-escape",
    "sync",
    "bc",
    "jq",
    "column",
    "fmt",
    "tsort",
    "ngettext",
];

/// Whether a command with `--help` does no more than tell how it is used.
pub(super) fn has_help(name: &str) -> bool {
    READERS.contains(&name) || matches!(name, "adduser" | "dpkg" | "dpkg-divert" | "invoke-rc.d" | "systemctl" | "update-alternatives")
}

/// Whether a command changes nothing.
pub(super) fn is(name: &str, arguments: &[Field]) -> bool {
    match name {
        // The second file is written.
        "uniq" => arguments.iter().filter(|argument| !argument.text.starts_with('-')).count() < 2,
        "file" => !has_option(arguments, &["-C", "--compile"]),
        // Short options may stand together, and long ones be shortened.
        "sort" => !arguments.iter().any(|argument| {
            let short = argument.text.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
            short.is_some_and(|rest| rest.contains('o')) || argument.text.starts_with("--o")
        }),
        "sed" => sed(arguments),
        "awk" | "gawk" | "mawk" | "nawk" => awk(arguments),
        "find" => find(arguments),
        "date" => !arguments.iter().any(|argument| !argument.known || argument.text.starts_with("-s") || argument.text.starts_with("--s")),
        "hostname" => arguments.iter().all(|argument| argument.known && argument.text.starts_with('-') && !argument.text.starts_with("-F")),
        "mount" => arguments.is_empty(),
        "systemctl" => arguments.iter().find(|argument| !argument.text.starts_with('-')).is_some_and(|action| {
            let reading =
                ["is-active", "is-enabled", "is-failed", "is-system-running", "show", "status", "cat", "list-units", "list-unit-files"];
            reading.contains(&action.text.as_str())
        }),
        "debconf-show" | "debconf-escape" => true,
        "modprobe" => has_option(arguments, &["-n", "--dry-run", "-c", "--show-depends"]),
        "udevadm" => arguments.first().is_some_and(|action| action.text == "info"),
        "perl" => perl(arguments),
        _ => READERS.contains(&name),
    }
}

fn has_option(arguments: &[Field], options: &[&str]) -> bool {
    arguments.iter().any(|argument| options.iter().any(|option| argument.text.starts_with(option)))
}

/// A call of sed.
#[derive(Default)]
struct Sed {
    scripts: Vec<String>,
    files: Vec<Option<String>>,
    in_place: bool,
    /// What it does is not all in its arguments.
    opaque: bool,
}

fn parse_sed(arguments: &[Field]) -> Sed {
    let mut sed = Sed::default();
    let (mut rest, mut operands, mut named) = (arguments.iter(), Vec::new(), false);
    while let Some(argument) = rest.next() {
        let text = argument.text.as_str();
        if let Some(script) = text.strip_prefix("--expression=") {
            named = true;
            sed.scripts.push(script.to_owned());
        } else if let Some(long) = text.strip_prefix("--") {
            match long {
                "expression" => {
                    named = true;
                    sed.scripts.extend(rest.next().map(|script| script.text.clone()));
                }
                "in-place" => sed.in_place = true,
                "quiet" | "silent" | "regexp-extended" | "follow-symlinks" | "null-data" | "separate" | "posix" | "sandbox"
                | "unbuffered" => {}
                _ => sed.opaque = true,
            }
        } else if text.starts_with('-') && text.len() > 1 {
            let mut letters = text[1..].chars();
            while let Some(letter) = letters.next() {
                match letter {
                    'n' | 'E' | 'r' | 's' | 'u' | 'z' => {}
                    'i' => {
                        sed.in_place = true;
                        // A copy with this ending is kept.
                        sed.opaque |= !letters.as_str().is_empty();
                        break;
                    }
                    'e' => {
                        named = true;
                        let script = letters.as_str();
                        sed.scripts.extend(if script.is_empty() {
                            rest.next().map(|script| script.text.clone())
                        } else {
                            Some(script.to_owned())
                        });
                        break;
                    }
                    _ => sed.opaque = true,
                }
            }
        } else {
            operands.push(argument);
        }
        sed.opaque |= argument.many;
    }
    let mut operands = operands.into_iter();
    if !named {
        sed.scripts.extend(operands.next().map(|script| script.text.clone()));
    }
    sed.files = operands.map(|file| file.get().map(str::to_owned)).collect();
    sed
}

/// Whether sed only reads: neither `-i` nor commands that write or run something.
fn sed(arguments: &[Field]) -> bool {
    let sed = parse_sed(arguments);
    !sed.opaque && !sed.in_place && !sed.scripts.iter().any(|script| writes(script))
}

/// The files that sed changes, when it changes no others.
pub(super) fn edited(arguments: &[Field]) -> Option<Vec<String>> {
    let sed = parse_sed(arguments);
    if !sed.in_place || sed.opaque || sed.scripts.iter().any(|script| writes(script)) {
        return None;
    }
    sed.files.into_iter().collect()
}

/// Whether a script of sed may hold `w`, `W` or `e`, as a command or a flag.
fn writes(script: &str) -> bool {
    let characters: Vec<char> = script.chars().collect();
    characters.iter().enumerate().any(|(index, character)| {
        if !matches!(character, 'w' | 'W' | 'e') {
            return false;
        }
        let before = index.checked_sub(1).and_then(|index| characters.get(index));
        let after = characters.get(index + 1);
        // Where a command stands, whatever follows is its file or command.
        if before.is_none_or(|before| before.is_ascii_digit() || matches!(before, ';' | '\n' | '{' | '}' | '!' | '$')) {
            return true;
        }
        // A flag follows the end of a text or another flag, and is followed by a blank, a separator, a path or the end.
        let begins = before.is_none_or(|before| !before.is_ascii_alphanumeric() && !matches!(before, '_' | '-' | '\\' | '.' | '"'))
            || before.is_some_and(|before| before.is_ascii_digit() || matches!(before, 'g' | 'p' | 'I' | 'M' | 'i' | 'm'));
        let ends = after.is_none_or(|after| matches!(after, ' ' | '\t' | '\n' | ';' | '}' | '/'));
        begins && ends
    })
}

/// A program of awk that neither prints to a file or a command nor runs one.
fn awk(arguments: &[Field]) -> bool {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.text.as_str() {
            "-F" | "-v" => drop(rest.next()),
            text if text.starts_with("-f") || text.starts_with("--") || text.starts_with("-i") => return false,
            text if text.starts_with('-') => {}
            program => {
                let compares = program.replace(">=", "").replace("||", "");
                return argument.known && !compares.contains("system") && !compares.contains(['>', '|']);
            }
        }
    }
    false
}

/// Whether find only looks.
fn find(arguments: &[Field]) -> bool {
    let acts = ["-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprint0", "-fprintf", "-fls"];
    arguments.iter().all(|argument| {
        !argument.many && !acts.contains(&argument.text.as_str()) && (argument.known || !argument.text.starts_with(['…', '-']))
    })
}

/// `perl -e` may do anything but nothing, and its version may be asked for.
fn perl(arguments: &[Field]) -> bool {
    if let [option, program] = arguments {
        return option.text == "-e" && program.get() == Some("");
    }
    matches!(arguments, [only] if matches!(only.text.as_str(), "-v" | "-V" | "--version"))
}
