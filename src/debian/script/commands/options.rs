//! Options of commands as getopt(3) takes them.

use crate::debian::script::eval::Field;

/// The options that a command has.
pub(super) struct Spec {
    /// Long options, without dashes; those that take a value end in `=`.
    pub(super) long: &'static [&'static str],
    /// Short options and the long ones that they stand for, written the same way.
    pub(super) short: &'static [(char, &'static str)],
}

/// The options and operands of a call.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// Long names and values, in order.
    found: Vec<(&'static str, String)>,
    pub(super) operands: Vec<String>,
}

impl Spec {
    /// Takes arguments apart; `None` when one is not known or no option of the command.
    pub(super) fn parse(&self, arguments: &[Field]) -> Option<Options> {
        let mut options = Options::default();
        let mut rest = arguments.iter();
        let mut only_operands = false;
        while let Some(argument) = rest.next() {
            let text = argument.get()?;
            if only_operands || !text.starts_with('-') || text == "-" {
                options.operands.push(text.to_owned());
                continue;
            }
            if text == "--" {
                only_operands = true;
                continue;
            }
            if let Some(long) = text.strip_prefix("--") {
                let (name, given) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
                let (name, takes) = self.long(name)?;
                let value = match (takes, given) {
                    (true, Some(value)) => value,
                    (true, None) => rest.next()?.get()?.to_owned(),
                    (false, None) => String::new(),
                    (false, Some(_)) => return None,
                };
                options.found.push((name, value));
                continue;
            }
            let mut letters = text[1..].chars();
            while let Some(letter) = letters.next() {
                let (_, name) = self.short.iter().find(|(short, _)| *short == letter)?;
                let Some(name) = name.strip_suffix('=') else {
                    options.found.push((name, String::new()));
                    continue;
                };
                let value = match letters.as_str() {
                    "" => rest.next()?.get()?.to_owned(),
                    value => value.to_owned(),
                };
                options.found.push((name, value));
                break;
            }
        }
        Some(options)
    }

    /// The long option that a name, which may be shortened, stands for.
    fn long(&self, name: &str) -> Option<(&'static str, bool)> {
        let split = |option: &'static str| option.strip_suffix('=').map_or((option, false), |option| (option, true));
        let mut found = self.long.iter().map(|option| split(option)).filter(|(option, _)| option.starts_with(name));
        let first = found.next()?;
        let exact = self.long.iter().map(|option| split(option)).find(|(option, _)| *option == name);
        match (exact, found.next()) {
            (Some(exact), _) => Some(exact),
            (None, None) => Some(first),
            // Two that are spelled in two ways, as `--disabled-login` and `--disabled-password`, are ambiguous.
            (None, Some(_)) => None,
        }
    }
}

impl Options {
    pub(super) fn has(&self, name: &str) -> bool {
        self.found.iter().any(|(found, _)| *found == name)
    }

    /// The last value of an option.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.found.iter().rev().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }

    /// The last value of an option, as a number: `Some(None)` when it is none.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, ()> {
        self.value(name).map(|value| value.parse().map_err(|_| ())).transpose()
    }
}
