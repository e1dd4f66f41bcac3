//! `$((…))`: whole numbers with `+`, `-`, `*`, `/`, `%` and parentheses; what else there may be is not known.

use super::{Machine, Value};
use crate::debian::script::{ScriptError, syntax::Word};

/// Signs and parentheses that may be in each other.
const MAX_DEPTH: usize = 20;

impl Machine<'_> {
    pub(super) fn arithmetic(&mut self, expression: &Word) -> Result<Value, ScriptError> {
        let text = self.text(expression)?;
        let value = text.get().and_then(|text| {
            self.spend(text.len() / 64).ok()?;
            let mut sum = Sum { rest: text.trim(), machine: self };
            let value = sum.sum(0)?;
            sum.rest.is_empty().then_some(value)
        });
        if let Some(value) = value {
            return Ok(Value::Known(value.to_string().into()));
        }
        // It may have assigned to variables.
        for name in text.text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_')) {
            if name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') && text.text.contains(['=', '+', '-']) {
                self.assign(name, Value::Unknown)?;
            }
        }
        Ok(Value::Unknown)
    }
}

struct Sum<'t, 'm, 'a> {
    rest: &'t str,
    machine: &'m Machine<'a>,
}

impl Sum<'_, '_, '_> {
    fn sum(&mut self, depth: usize) -> Option<i64> {
        let mut value = self.product(depth)?;
        loop {
            if self.take('+') {
                value = value.checked_add(self.product(depth)?)?;
            } else if self.take('-') {
                value = value.checked_sub(self.product(depth)?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self, depth: usize) -> Option<i64> {
        let mut value = self.one(depth)?;
        loop {
            if self.take('*') {
                value = value.checked_mul(self.one(depth)?)?;
            } else if self.take('/') {
                value = value.checked_div(self.one(depth)?)?;
            } else if self.take('%') {
                value = value.checked_rem(self.one(depth)?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn one(&mut self, depth: usize) -> Option<i64> {
        if depth >= MAX_DEPTH {
            return None;
        }
        if self.take('(') {
            let value = self.sum(depth + 1)?;
            return self.take(')').then_some(value);
        }
        if self.rest.starts_with('-') && !self.rest.starts_with("--") {
            self.take('-');
            return self.one(depth + 1)?.checked_neg();
        }
        let end = self.rest.find(|character: char| !(character.is_ascii_alphanumeric() || character == '_')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        // Octal and hexadecimal numbers are left out.
        let number = |text: &str| (text == "0" || !text.starts_with('0')).then(|| text.parse::<i64>().ok())?;
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            return number(word);
        }
        match self.machine.variable(word) {
            _ if word.is_empty() => None,
            Value::Known(text) => number(&text),
            Value::Unset => Some(0),
            Value::Unknown => None,
        }
    }

    fn take(&mut self, sign: char) -> bool {
        // `++`, `+=` and the like are something else.
        let Some(rest) = self.rest.strip_prefix(sign).filter(|rest| !rest.starts_with(['=', sign]) || sign == '(' || sign == ')') else {
            return false;
        };
        self.rest = rest.trim_start();
        true
    }
}
