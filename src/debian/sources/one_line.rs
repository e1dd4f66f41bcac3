//! `deb [option=value …] URI SUITE COMPONENT…`

use super::{Architectures, Draft, Source, SourcesError};

pub(super) fn read(file: &str, text: &str) -> Vec<Result<Source, SourcesError>> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty())
        .filter_map(|(index, line)| source(&Draft { file, line: index + 1 }, line).transpose())
        .collect()
}

/// The source on a line; none for one of source packages.
fn source(draft: &Draft<'_>, line: &str) -> Result<Option<Source>, SourcesError> {
    let (kind, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    match kind {
        "deb" => {}
        "deb-src" => return Ok(None),
        _ => return Err(draft.wrong("a line begins with `deb` or `deb-src`")),
    }
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or_else(|| draft.wrong("the square bracket is not closed"))?,
        None => ("", rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let (Some(uri), Some(suite)) = (words.next(), words.next()) else {
        return Err(draft.wrong("an address and a suite must follow `deb`"));
    };
    let components: Vec<&str> = words.collect();
    draft.suite(suite, &components)?;
    let mut source = Source {
        uri: draft.uri(uri)?,
        suite: suite.to_owned(),
        components: components.into_iter().map(str::to_owned).collect(),
        architectures: Architectures::default(),
        signed_by: Vec::new(),
        check_valid_until: None,
        by_hash: None,
        origin: draft.origin(),
    };
    for option in options.split_ascii_whitespace() {
        let (name, value) =
            option.split_once('=').ok_or_else(|| draft.wrong(format!("the option `{}` has no value", option.escape_debug())))?;
        let words = || value.split(',').filter(|word| !word.is_empty());
        match name {
            "arch" => source.architectures.only = Some(draft.architectures(words())?),
            "arch+" => source.architectures.added = draft.architectures(words())?,
            "arch-" => source.architectures.removed = draft.architectures(words())?,
            "signed-by" => source.signed_by = draft.signed_by(words())?,
            "check-valid-until" => source.check_valid_until = Some(draft.switch(name, value)?),
            "by-hash" => source.by_hash = Some(draft.switch(name, value)?),
            "trusted" | "allow-insecure" | "allow-weak" | "allow-downgrade-to-insecure" if draft.switch(name, value)? => {
                return Err(draft.unsafe_option(name));
            }
            // Languages, targets, partial indices, dates: they do not change which packages there are.
            _ => {}
        }
    }
    Ok(Some(source))
}
