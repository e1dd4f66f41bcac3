//! Stanzas of `Types`, `URIs`, `Suites`, `Components` and options.

use super::{Architectures, Draft, SignedBy, Source, SourcesError, text_error};
use crate::debian::{Stanza, stanzas};

pub(super) fn read(file: &str, text: &str) -> Vec<Result<Source, SourcesError>> {
    let mut sources = Vec::new();
    for stanza in stanzas(text) {
        let stanza = stanza.map_err(|error| text_error(file, error));
        match stanza.and_then(|stanza| of_stanza(&Draft { file, line: stanza.line() }, &stanza)) {
            Ok(found) => sources.extend(found.into_iter().map(Ok)),
            Err(error) => sources.push(Err(error)),
        }
    }
    sources
}

fn of_stanza(draft: &Draft<'_>, stanza: &Stanza<'_>) -> Result<Vec<Source>, SourcesError> {
    let words = |name: &str| stanza.get(name).unwrap_or_default().split_ascii_whitespace().collect::<Vec<_>>();
    if let Some(enabled) = stanza.get("Enabled")
        && !draft.switch("Enabled", enabled)?
    {
        return Ok(Vec::new());
    }
    let types = words("Types");
    if types.is_empty() || types.iter().any(|kind| !matches!(*kind, "deb" | "deb-src")) {
        return Err(draft.wrong("`Types` must be `deb`, `deb-src`, or both"));
    }
    if !types.contains(&"deb") {
        return Ok(Vec::new());
    }
    for name in ["Trusted", "Allow-Insecure", "Allow-Weak", "Allow-Downgrade-To-Insecure"] {
        if let Some(value) = stanza.get(name)
            && draft.switch(name, value)?
        {
            return Err(draft.unsafe_option(name));
        }
    }
    let (uris, suites, components) = (words("URIs"), words("Suites"), words("Components"));
    if uris.is_empty() || suites.is_empty() {
        return Err(draft.wrong("`URIs` and `Suites` are needed"));
    }
    let switch = |name: &str| stanza.get(name).map(|value| draft.switch(name, value)).transpose();
    let (check_valid_until, by_hash) = (switch("Check-Valid-Until")?, switch("By-Hash")?);
    let architectures = architectures(draft, stanza)?;
    let signed_by = match stanza.get("Signed-By") {
        Some(value) if value.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----") => vec![SignedBy::Inline(unfolded(value))],
        value => draft.signed_by(value.unwrap_or_default().split([' ', '\t', '\n', ',']).filter(|word| !word.is_empty()))?,
    };
    let mut sources = Vec::new();
    for uri in &uris {
        for suite in &suites {
            draft.suite(suite, &components)?;
            sources.push(Source {
                uri: draft.uri(uri)?,
                suite: (*suite).to_owned(),
                components: components.iter().map(|component| (*component).to_owned()).collect(),
                architectures: architectures.clone(),
                signed_by: signed_by.clone(),
                check_valid_until,
                by_hash,
                origin: draft.origin(),
            });
        }
    }
    Ok(sources)
}

fn architectures(draft: &Draft<'_>, stanza: &Stanza<'_>) -> Result<Architectures, SourcesError> {
    let field = |name: &str| stanza.get(name).map(|value| draft.architectures(value.split_ascii_whitespace())).transpose();
    Ok(Architectures {
        only: field("Architectures")?,
        added: field("Architectures-Add")?.unwrap_or_default(),
        removed: field("Architectures-Remove")?.unwrap_or_default(),
    })
}

/// A key as it was before it became the value of a field: each line has a blank in front, an empty one is a full stop.
fn unfolded(value: &str) -> String {
    let line = |line: &str| match line.trim() {
        "." => "\n".to_owned(),
        line => format!("{line}\n"),
    };
    value.lines().filter(|line| !line.trim().is_empty()).map(line).collect()
}
