//! Time zone, locale, keyboard, time servers: their grammar. Whether the image has them is checked when there is an image.

use super::{
    super::{
        Keyboard,
        mask::shown,
        names,
        problem::Code,
        raw::{RawKeyboard, RawKeyboardMap},
        read::{Field, OneOrMany},
        report::Draft,
    },
    Checker,
};

impl Checker<'_> {
    pub(super) fn time_zone(&mut self, field: &Field<String>) -> Option<String> {
        let part = |part: &str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
            part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.bytes().all(inner) && part.len() <= 30
        };
        let good = |name: &str| name.split('/').count() <= 3 && name.split('/').all(part);
        let hint = "names are those of the zoneinfo database, such as `Europe/Berlin` or `UTC`";
        self.word(field, Code::TimeZone, "time zone", good, hint, "UTC")
    }

    pub(super) fn locale(&mut self, field: &Field<String>) -> Option<String> {
        let hint = match field.given().map(|given| given.value.as_str()) {
            Some("en") => "write `en_GB.UTF-8`, `en_US.UTF-8` or another country".to_owned(),
            Some(name) if language(name) => format!("write `{name}_{}.UTF-8`, or another country", name.to_ascii_uppercase()),
            Some(name) if name.split_once('_').is_some_and(|(l, t)| language(l) && territory(t)) => format!("write `{name}.UTF-8`"),
            Some(name) if name.to_ascii_lowercase().ends_with(".utf8") => {
                format!("write `{}.UTF-8`", name.split('.').next().unwrap_or_default())
            }
            _ => "write language, country and `.UTF-8`, such as `de_DE.UTF-8`, or `C.UTF-8`".to_owned(),
        };
        self.word(field, Code::Locale, "locale", locale, &hint, "C.UTF-8")
    }

    pub(super) fn keyboard(&mut self, field: &Field<RawKeyboard>) -> Option<Keyboard> {
        let empty = RawKeyboardMap::default();
        let mut layout = None;
        let section = match field.given().map(|given| &given.value) {
            Some(RawKeyboard::Layout(text)) => {
                layout = Some(self.keyboard_word(&text.value, text.span, "layout"));
                &empty
            }
            Some(RawKeyboard::Map(map)) => map,
            None => &empty,
        };
        let mut word = |field: &Field<String>, what: &str, default: &str| match field {
            Field::Absent => Some(default.to_owned()),
            Field::Wrong => None,
            Field::Given(given) => self.keyboard_word(&given.value, given.span, what),
        };
        let map_layout = word(&section.layout, "layout", "us");
        let model = word(&section.model, "model", "pc105");
        let variant = word(&section.variant, "variant", "");
        let options = word(&section.options, "options", "");
        Some(Keyboard { model: model?, layout: layout.unwrap_or(map_layout)?, variant: variant?, options: options? })
    }

    /// `/etc/default/keyboard` is read by shells, so quotes and dollar signs have no place in it.
    fn keyboard_word(&mut self, text: &str, span: super::Span, what: &str) -> Option<String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-,:+()".contains(&byte);
        let may_be_empty = matches!(what, "variant" | "options");
        let lower = what != "layout" || text == text.to_ascii_lowercase();
        if text.len() <= 100
            && text.bytes().all(allowed)
            && (may_be_empty || text.starts_with(|c: char| c.is_ascii_alphanumeric()))
            && lower
        {
            return Some(text.to_owned());
        }
        let hint = match what {
            "layout" if !lower => format!("write `{}`", text.to_ascii_lowercase()),
            "layout" => "layouts are those of XKB, such as `de`, `us` or `gb`".to_owned(),
            "model" => "models are those of XKB, such as `pc105`".to_owned(),
            _ => format!("{what} are those of XKB, such as `nodeadkeys` or `compose:menu`"),
        };
        self.add(Draft::new(Code::Keyboard, span, format!("{} is no keyboard {what}", shown(text))).hint(hint));
        None
    }

    pub(super) fn ntp(&mut self, field: &Field<OneOrMany<String>>) -> Vec<String> {
        let mut servers = Vec::new();
        for server in field.given().map(|given| given.value.0.as_slice()).unwrap_or_default() {
            let address = server.value.parse().ok();
            match (address, names::dns(&server.value)) {
                (Some(address), _) if names::is_unreachable(address) => {
                    self.add(Draft::new(Code::Address, server.span, format!("no time server can have the address {address}")));
                }
                (None, Err(error)) => self.add(Draft::new(Code::DnsName, server.span, error.message).hint(error.hint)),
                _ => servers.push(server.value.clone()),
            }
        }
        servers
    }

    fn word(
        &mut self,
        field: &Field<String>,
        code: Code,
        what: &str,
        good: impl Fn(&str) -> bool,
        hint: &str,
        default: &str,
    ) -> Option<String> {
        match field {
            Field::Absent => Some(default.to_owned()),
            Field::Wrong => None,
            Field::Given(given) if good(&given.value) => Some(given.value.clone()),
            Field::Given(given) => {
                self.add(Draft::new(code, given.span, format!("{} is no name of a {what}", shown(&given.value))).hint(hint));
                None
            }
        }
    }
}

fn language(part: &str) -> bool {
    (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn territory(part: &str) -> bool {
    part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `ll_TT.UTF-8[@modifier]`, `C.UTF-8`, `C` or `POSIX`; other character sets are not supported.
fn locale(name: &str) -> bool {
    if matches!(name, "C" | "POSIX" | "C.UTF-8") {
        return true;
    }
    let (name, modifier) = name.split_once('@').map_or((name, None), |(name, modifier)| (name, Some(modifier)));
    let word = |modifier: &str| !modifier.is_empty() && modifier.len() <= 20 && modifier.bytes().all(|byte| byte.is_ascii_lowercase());
    let place = name.strip_suffix(".UTF-8").and_then(|place| place.split_once('_'));
    place.is_some_and(|(l, t)| language(l) && territory(t)) && modifier.is_none_or(word)
}
