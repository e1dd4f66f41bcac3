//! Packages and the archives that they come from: their grammar. Whether there are such packages is found with the base.

use super::{
    super::{
        ExtraSource, Packages,
        mask::shown,
        problem::Code,
        raw::{RawPackages, RawSource},
        read::{Field, Given, OneOrMany, Spanned},
        references::Readers,
        report::Draft,
    },
    Checker,
};
use crate::debian::relation::is_name;

const PUBLIC: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const PRIVATE: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----";

impl Checker<'_> {
    pub(super) fn packages(&mut self, field: &Field<RawPackages>) -> Packages {
        let Some(Given { value: raw, .. }) = field.given() else { return Packages::default() };
        let install = self.package_names(&raw.install, &[]);
        let remove = self.package_names(&raw.remove, &install);
        let hold = raw.hold.given().is_some().then(|| self.package_names(&raw.hold, &remove));
        let items = raw.sources.given().map(|given| given.value.as_slice()).unwrap_or_default();
        let sources = items.iter().filter_map(|source| self.source(source)).collect();
        let addresses = raw.expired.given().map(|given| given.value.0.as_slice()).unwrap_or_default();
        let expired = addresses.iter().filter_map(|address| self.archive(address)).collect();
        Packages { install, remove, hold, recommends: raw.recommends.or(false), sources, expired }
    }

    /// Names of packages, each once; `others` stand in a list that contradicts this one.
    fn package_names(&mut self, field: &Field<OneOrMany<String>>, others: &[String]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for Spanned { value, span } in field.given().map(|given| given.value.0.as_slice()).unwrap_or_default() {
            let (message, hint) = if !is_name(value) {
                let hint = match value.split(['=', '/', ':']).next() {
                    Some(name) if name != value && is_name(name) => {
                        format!("write `{name}`: version and architecture are those of the image's archives, and the lock file pins them")
                    }
                    _ => "small letters, digits, `+`, `-` and `.`, such as `glusterfs-server`".to_owned(),
                };
                (format!("{} is no name of a package", shown(value)), hint)
            } else if others.contains(value) {
                (format!("{} stands in two lists that contradict each other", shown(value)), "take it out of one of them".to_owned())
            } else if names.contains(value) {
                (format!("{} stands here twice", shown(value)), "take it out once".to_owned())
            } else {
                names.push(value.clone());
                continue;
            };
            self.add(Draft::new(Code::Package, *span, message).hint(hint));
        }
        names
    }

    fn source(&mut self, source: &Spanned<RawSource>) -> Option<ExtraSource> {
        let Spanned { value: raw, span } = source;
        self.need(&raw.uri, *span, "the source has no `uri`", "write the address of the archive");
        self.need(&raw.suite, *span, "the source has no `suite`", "write the suite or code name, such as `bookworm`");
        self.need(
            &raw.key,
            *span,
            "the source has no `key`: nothing of it could be trusted",
            "write `key: !file PATH` with its public key",
        );
        let uri = raw.uri.given().and_then(|given| self.archive(&Spanned { value: given.value.clone(), span: given.span }));
        let suite = raw.suite.given().and_then(|given| self.suite_word(&Spanned { value: given.value.clone(), span: given.span }));
        let items = raw.components.given().map(|given| given.value.0.as_slice()).unwrap_or_default();
        let components: Option<Vec<String>> = items.iter().map(|item| self.suite_word(item)).collect();
        let key = raw.key.given().and_then(|given| {
            let text = self.secret(&given.value, given.span, Readers::Anyone)?;
            let text = text.expose();
            let (code, message, hint) = if text.contains(PRIVATE) {
                (Code::PrivateKey, "this is a private key, which never leaves its owner", "give the public one: `gpg --export --armor`")
            } else if !text.contains(PUBLIC) {
                (Code::SourceKey, "this is no ASCII-armoured public key", "export it with `gpg --export --armor`, and write `!file PATH`")
            } else {
                return Some(text.clone());
            };
            self.add(Draft::new(code, given.span, message).hint(hint));
            None
        });
        let (uri, suite, components, key) = (uri?, suite?, components?, key?);
        if suite.ends_with('/') != components.is_empty() {
            let message = if components.is_empty() { "the source has no components" } else { "a flat archive has no components" };
            let hint = "components such as `main` belong to a suite; the path of a flat archive ends with `/` and has none";
            self.add(Draft::new(Code::Source, *span, message).hint(hint));
            return None;
        }
        let line = self.text.get(..span.start).map_or(0, |before| before.matches('\n').count()) + 1;
        Some(ExtraSource { uri, suite, components, key, expired: raw.expired.or(false), armv6: raw.armv6.or(false), line })
    }

    /// The address of an archive, without a slash at its end.
    fn archive(&mut self, address: &Spanned<String>) -> Option<String> {
        let text = address.value.trim_end_matches('/');
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_plain = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\".contains(&byte));
        let (message, hint) = match rest {
            Some(rest) if rest.contains('@') => ("the address has a user name or password in it", "archives are fetched without a login"),
            Some(rest) if is_plain(rest) => return Some(text.to_owned()),
            _ => ("this is no address of an archive", "write https://HOST/PATH or http://HOST/PATH"),
        };
        self.add(Draft::new(Code::Source, address.span, message).hint(hint));
        None
    }

    /// A suite or a component: part of an address.
    fn suite_word(&mut self, word: &Spanned<String>) -> Option<String> {
        let text = word.value.as_str();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+~/".contains(&byte));
        if !text.is_empty() && is_plain && text.split('/').all(|part| part != "..") && !text.starts_with('/') {
            return Some(text.to_owned());
        }
        let draft = Draft::new(Code::Source, word.span, format!("{} is no suite or component", shown(text)));
        self.add(draft.hint("letters, digits and `-_.+~/`, such as `bookworm` or `main`"));
        None
    }
}
