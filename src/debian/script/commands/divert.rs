//! dpkg-divert(1) and dpkg-statoverride(1)

use super::options::Spec;
use crate::debian::script::{
    Effect, ScriptError,
    eval::{Field, Machine, Status},
};

const DIVERT: Spec = Spec {
    long: &[
        "add",
        "admindir=",
        "divert=",
        "list",
        "listpackage=",
        "local",
        "no-rename",
        "package=",
        "quiet",
        "remove",
        "rename",
        "test",
        "truename=",
    ],
    short: &[],
};

/// A line of `/var/lib/dpkg/diversions` and the two after it.
struct Diversion {
    from: String,
    to: String,
    package: String,
}

/// Runs dpkg-divert; `None` when its arguments are not understood.
pub(super) fn divert(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let Some(options) = DIVERT.parse(arguments) else { return Ok(None) };
    if options.has("test") || options.has("admindir") {
        return Ok(None);
    }
    let diversions = diversions(machine)?;
    if options.has("list") {
        return list(machine, &options.operands, diversions.as_deref()).map(Some);
    }
    if let Some(path) = options.value("listpackage").or_else(|| options.value("truename")) {
        let found = diversions.as_ref().map(|diversions| diversions.iter().find(|diversion| diversion.from == path));
        match (found, options.has("listpackage")) {
            (None, _) => machine.print_unknown(),
            (Some(None), true) => {}
            (Some(None), false) => machine.print_line(path)?,
            (Some(Some(diversion)), true) => {
                let package = if diversion.package == ":" { "LOCAL" } else { &diversion.package };
                machine.print_line(package)?;
            }
            (Some(Some(diversion)), false) => machine.print_line(&diversion.to)?,
        }
        return Ok(Some(Status::YES));
    }
    let [path] = options.operands.as_slice() else { return Ok(None) };
    let package = match (options.has("local"), options.value("package")) {
        (true, _) => None,
        (false, Some(package)) => Some(package.to_owned()),
        // dpkg sets the package's name into the environment.
        (false, None) => Some(machine.call.package.to_owned()),
    };
    let from = path.clone();
    let recorded = diversions.as_ref().and_then(|diversions| diversions.iter().find(|diversion| diversion.from == from));
    let rename = options.has("rename") && !options.has("no-rename");
    if options.has("remove") {
        if diversions.is_some() && recorded.is_none() {
            return Ok(Some(Status::YES));
        }
        let to = options.value("divert").map(str::to_owned).or_else(|| recorded.map(|diversion| diversion.to.clone()));
        machine.record(Effect::Undivert { package, from, to, rename })?;
        return Ok(Some(Status::YES));
    }
    let to = options.value("divert").map_or_else(|| format!("{from}.distrib"), str::to_owned);
    if let Some(recorded) = recorded {
        let same = recorded.to == to && package.as_deref().unwrap_or(":") == recorded.package;
        // Another one for the same path is refused.
        return Ok(Some(if same { Status::YES } else { Status::Known(2) }));
    }
    machine.record(Effect::Divert { package, from, to, rename })?;
    Ok(Some(Status::YES))
}

fn list(machine: &mut Machine<'_>, globs: &[String], diversions: Option<&[Diversion]>) -> Result<Status, ScriptError> {
    let Some(diversions) = diversions else {
        machine.print_unknown();
        return Ok(Status::Unknown);
    };
    for diversion in diversions {
        let wanted = globs.is_empty()
            || globs.iter().any(|glob| {
                [&diversion.from, &diversion.to, &diversion.package].iter().any(|text| crate::debian::script::eval::matches(glob, text))
            });
        if !wanted {
            continue;
        }
        let (from, to) = (&diversion.from, &diversion.to);
        let line = match diversion.package.as_str() {
            ":" => format!("local diversion of {from} to {to}"),
            package => format!("diversion of {from} to {to} by {package}"),
        };
        machine.print_line(&line)?;
    }
    Ok(Status::YES)
}

/// The diversions that are recorded; `None` when they are not known.
fn diversions(machine: &mut Machine<'_>) -> Result<Option<Vec<Diversion>>, ScriptError> {
    const PATH: &str = "/var/lib/dpkg/diversions";
    if machine.diverted {
        return Ok(None);
    }
    if machine.exists(PATH) == Some(false) {
        return Ok(Some(Vec::new()));
    }
    let Some(text) = machine.file_text(PATH)? else { return Ok(None) };
    let lines: Vec<&str> = text.lines().collect();
    let diversions =
        lines.chunks_exact(3).map(|lines| Diversion { from: lines[0].to_owned(), to: lines[1].to_owned(), package: lines[2].to_owned() });
    Ok(Some(diversions.collect()))
}

/// Runs dpkg-statoverride; `None` when its arguments are not understood.
pub(super) fn statoverride(machine: &mut Machine<'_>, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let Some(words) = super::known(arguments) else { return Ok(None) };
    let plain: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    if words.iter().any(|word| word == "--list") {
        let text = if machine.exists("/var/lib/dpkg/statoverride") == Some(false) {
            Some(String::new())
        } else {
            machine.file_text("/var/lib/dpkg/statoverride")?
        };
        let Some(text) = text else {
            machine.print_unknown();
            return Ok(Some(Status::Unknown));
        };
        let mut found = false;
        for line in text.lines() {
            let path = line.splitn(4, ' ').nth(3).unwrap_or_default();
            if plain.is_empty() || plain.iter().any(|glob| crate::debian::script::eval::matches(glob, path)) {
                machine.print_line(line)?;
                found = true;
            }
        }
        return Ok(Some(Status::of(Some(found))));
    }
    machine.record(Effect::Statoverride { arguments: words })?;
    Ok(Some(Status::YES))
}
