//! dpkg(1), dpkg-query(1), dpkg-trigger(1)

use crate::debian::{
    Version,
    script::{
        Effect, Known, ScriptError,
        eval::{Field, Machine, Status},
    },
};

/// Runs dpkg; `None` when its arguments are not understood.
pub(super) fn dpkg(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let words: Vec<Option<&str>> = arguments.iter().map(Field::get).filter(|word| *word != Some("--")).collect();
    match words.as_slice() {
        [Some("--compare-versions"), left, relation, right] => {
            let known = left.zip(*relation).zip(*right);
            Ok(Some(known.map_or(Status::Unknown, |((left, relation), right)| compare(left, relation, right))))
        }
        [Some("--print-architecture")] => {
            machine.print_line(machine.world.architecture)?;
            Ok(Some(Status::YES))
        }
        [Some("--validate-version"), Some(version)] => Ok(Some(Status::of(Some(Version::new(version).is_ok())))),
        [Some(check), ..] if check.starts_with("--assert-") => Ok(Some(Status::YES)),
        [
            Some("-s" | "--status" | "-l" | "--list" | "-L" | "--listfiles" | "-S" | "--search" | "-W" | "--show" | "-V" | "--verify"),
            ..,
        ] => query(machine, arguments),
        [Some("--version" | "--print-foreign-architectures" | "--get-selections" | "--audit" | "-C"), ..] => {
            machine.print_unknown();
            Ok(Some(Status::YES))
        }
        _ => Ok(None),
    }
}

/// `dpkg --compare-versions`; an empty version is older than any, except in the relations with `-nl`, where it is newer.
pub(super) fn compare(left: &str, relation: &str, right: &str) -> Status {
    let (relation, newer) = relation.strip_suffix("-nl").map_or((relation, false), |relation| (relation, true));
    // An unset version of the script is given as this, too.
    let is_none = |text: &str| text.is_empty();
    let order = match (is_none(left), is_none(right)) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) if newer => std::cmp::Ordering::Greater,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) if newer => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        (false, false) => match (Version::new(left), Version::new(right)) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            // dpkg only warns.
            _ => return Status::Unknown,
        },
    };
    let holds = match relation {
        "lt" | "<<" => order.is_lt(),
        "le" | "<=" | "<" => order.is_le(),
        "eq" | "=" => order.is_eq(),
        "ne" => order.is_ne(),
        "ge" | ">=" | ">" => order.is_ge(),
        "gt" | ">>" => order.is_gt(),
        _ => return Status::Known(2),
    };
    Status::of(Some(holds))
}

/// Runs dpkg-query, or dpkg in its place.
pub(super) fn query(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let mut format = None;
    let mut packages = Vec::new();
    let mut action = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.get() {
            None => {
                machine.print_unknown();
                return Ok(Some(Status::Unknown));
            }
            Some("-f" | "--showformat") => format = rest.next().and_then(Field::get).map(str::to_owned),
            Some(word) if word.starts_with("--showformat=") => format = Some(word["--showformat=".len()..].to_owned()),
            Some(word) if word.starts_with("-f=") => format = Some(word[3..].to_owned()),
            Some(word) if word.starts_with("-f") && word.len() > 2 => format = Some(word[2..].to_owned()),
            Some("-W" | "--show") => action = Some('W'),
            Some("-s" | "--status") => action = Some('s'),
            Some("-l" | "--list") => action = Some('l'),
            Some(word) if word.starts_with('-') => action = Some('?'),
            Some(word) => packages.push(word.to_owned()),
        }
    }
    let [package] = packages.as_slice() else {
        machine.print_unknown();
        return Ok(Some(Status::Unknown));
    };
    if package.contains(['*', '?', '[']) || matches!(action, None | Some('?')) {
        machine.print_unknown();
        return Ok(Some(Status::Unknown));
    }
    let known = (machine.world.installed)(package);
    let Some(known) = known else {
        // With nothing known of it nothing is printed.
        return Ok(Some(Status::NO));
    };
    match (action, format) {
        (Some('W'), Some(format)) => shown(machine, &known, package, &format)?,
        _ => machine.print_unknown(),
    }
    Ok(Some(Status::YES))
}

/// `dpkg-query -W -f FORMAT`
fn shown(machine: &mut Machine<'_>, known: &Known, package: &str, format: &str) -> Result<(), ScriptError> {
    let words: Vec<&str> = known.status.split(' ').collect();
    let word = |index: usize| words.get(index).copied().unwrap_or_default();
    let abbreviated = || {
        let want = word(0).chars().next().unwrap_or(' ');
        let state = match word(2) {
            "config-files" => 'c',
            "half-installed" => 'H',
            "half-configured" => 'F',
            "unpacked" => 'U',
            "triggers-awaited" => 'W',
            "triggers-pending" => 't',
            state => state.chars().next().unwrap_or(' '),
        };
        format!("{want}{state} ")
    };
    let name = package.split(':').next().unwrap_or_default();
    let text = format
        .replace("${Status}", &known.status)
        .replace("${db:Status-Status}", word(2))
        .replace("${db:Status-Want}", word(0))
        .replace("${db:Status-Eflag}", word(1))
        .replace("${db:Status-Abbrev}", &abbreviated())
        .replace("${Version}", &known.version)
        .replace("${Package}", name)
        .replace("\\n", "\n")
        .replace("\\t", "\t");
    if text.contains("${") {
        machine.print_unknown();
        return Ok(());
    }
    machine.print(&Field::known(text))
}

/// Runs dpkg-trigger; `None` when its arguments are not understood.
pub(super) fn trigger(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let Some(words) = super::known(arguments) else { return Ok(None) };
    let (options, names): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.starts_with('-'));
    let has = |option: &str| options.iter().any(|given| given == option);
    if has("--check-supported") {
        return Ok(Some(Status::YES));
    }
    if has("--no-act") || options.iter().any(|option| option.starts_with("--admindir")) {
        return Ok(None);
    }
    match names.as_slice() {
        [name] => machine.record(Effect::Trigger { name: name.clone(), awaits: !has("--no-await") })?,
        _ => return Ok(None),
    }
    Ok(Some(Status::YES))
}
