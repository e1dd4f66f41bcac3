//! test(1)

use crate::{
    debian::script::{
        ScriptError,
        eval::{Field, Found, Machine, Status},
    },
    tree::Kind,
};

/// Answers a test.
pub(super) fn run(machine: &mut Machine<'_>, name: &str, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
    let arguments = match (name, arguments.split_last()) {
        ("[", Some((last, rest))) if last.get() == Some("]") => rest,
        ("[", _) => return Ok(Some(Status::Known(2))),
        _ => arguments,
    };
    if arguments.iter().any(|argument| argument.many) {
        return Ok(Some(Status::Unknown));
    }
    machine.spend(arguments.len())?;
    Ok(Some(Status::of(expression(machine, arguments))))
}

/// The value of an expression, by the number of its arguments as POSIX has it, and with `-a`, `-o` and parentheses for more.
fn expression(machine: &mut Machine<'_>, arguments: &[Field]) -> Option<bool> {
    match arguments {
        [] => Some(false),
        [text] => Some(!text.get()?.is_empty()),
        [not, text] if not.get() == Some("!") => Some(text.get()?.is_empty()),
        [operator, operand] => unary(machine, operator.get()?, operand),
        [left, operator, right] if is_binary(operator) => binary(machine, left, operator.get()?, right),
        [not, rest @ ..] if not.get() == Some("!") && arguments.len() <= 4 => expression(machine, rest).map(|value| !value),
        [open, middle, close] if open.get() == Some("(") && close.get() == Some(")") => Some(!middle.get()?.is_empty()),
        _ => {
            let mut rest = arguments;
            let value = any(machine, &mut rest, 0);
            if rest.is_empty() { value } else { None }
        }
    }
}

/// Alternatives joined by `-o`.
fn any(machine: &mut Machine<'_>, rest: &mut &[Field], depth: usize) -> Option<bool> {
    let mut value = all(machine, rest, depth);
    while take(rest, "-o") {
        value = match (value, all(machine, rest, depth)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        };
    }
    value
}

/// Conditions joined by `-a`.
fn all(machine: &mut Machine<'_>, rest: &mut &[Field], depth: usize) -> Option<bool> {
    let mut value = primary(machine, rest, depth);
    while take(rest, "-a") {
        value = match (value, primary(machine, rest, depth)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
    }
    value
}

fn primary(machine: &mut Machine<'_>, rest: &mut &[Field], depth: usize) -> Option<bool> {
    if depth > 20 {
        *rest = &[];
        return None;
    }
    if take(rest, "!") {
        return primary(machine, rest, depth + 1).map(|value| !value);
    }
    match *rest {
        [left, operator, right, others @ ..] if is_binary(operator) => {
            *rest = others;
            binary(machine, left, operator.get()?, right)
        }
        [open, others @ ..] if open.get() == Some("(") => {
            *rest = others;
            let value = any(machine, rest, depth + 1);
            if take(rest, ")") { value } else { None }
        }
        [operator, operand, others @ ..] if operator.get().is_some_and(|operator| operator.len() == 2 && operator.starts_with('-')) => {
            *rest = others;
            unary(machine, operator.get()?, operand)
        }
        [text, others @ ..] => {
            *rest = others;
            Some(!text.get()?.is_empty())
        }
        [] => None,
    }
}

fn take(rest: &mut &[Field], word: &str) -> bool {
    match rest.split_first() {
        Some((first, others)) if first.get() == Some(word) => {
            *rest = others;
            true
        }
        _ => false,
    }
}

fn is_binary(operator: &Field) -> bool {
    const OPERATORS: [&str; 14] = ["=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];
    operator.get().is_some_and(|operator| OPERATORS.contains(&operator))
}

fn binary(machine: &Machine<'_>, left: &Field, operator: &str, right: &Field) -> Option<bool> {
    if matches!(operator, "-nt" | "-ot" | "-ef") {
        return None;
    }
    let (Some(left), Some(right)) = (left.get(), right.get()) else {
        return differ(machine, left, operator, right);
    };
    let numbers = || left.trim().parse::<i64>().ok().zip(right.trim().parse::<i64>().ok());
    Some(match operator {
        "=" | "==" => left == right,
        "!=" => left != right,
        "<" => left < right,
        ">" => left > right,
        // Anything but numbers is an error, which counts as false.
        "-eq" => numbers().is_some_and(|(left, right)| left == right),
        "-ne" => numbers().is_some_and(|(left, right)| left != right),
        "-lt" => numbers().is_some_and(|(left, right)| left < right),
        "-le" => numbers().is_some_and(|(left, right)| left <= right),
        "-gt" => numbers().is_some_and(|(left, right)| left > right),
        _ => numbers().is_some_and(|(left, right)| left >= right),
    })
}

/// Texts of which one is known in part only.
fn differ(_: &Machine<'_>, left: &Field, operator: &str, right: &Field) -> Option<bool> {
    let known = |field: &Field| field.text.split('…').next().unwrap_or_default().to_owned();
    let (a, b) = (known(left), known(right));
    // What is known of the beginning of one must be in the other.
    let possible = match (left.known, right.known) {
        (true, false) => left.text.starts_with(&b),
        (false, true) => right.text.starts_with(&a),
        _ => a.starts_with(&b) || b.starts_with(&a),
    };
    match operator {
        "=" | "==" if !possible => Some(false),
        "!=" if !possible => Some(true),
        _ => None,
    }
}

fn unary(machine: &Machine<'_>, operator: &str, operand: &Field) -> Option<bool> {
    match operator {
        "-n" => return operand.get().map_or_else(|| is_longer(operand), |text| Some(!text.is_empty())),
        "-z" => return operand.get().map_or_else(|| is_longer(operand).map(|longer| !longer), |text| Some(text.is_empty())),
        "-t" => return None,
        _ => {}
    }
    let path = operand.get()?;
    if path.is_empty() {
        return Some(false);
    }
    let found = machine.look(&machine.path(path)?, !matches!(operator, "-h" | "-L"));
    let inode = match found {
        Found::Unknown => return None,
        Found::Nothing => return Some(false),
        Found::Inode(inode) => inode,
    };
    let is_folder = matches!(inode.kind, Kind::Directory(_));
    let permissions = inode.meta.permissions;
    Some(match operator {
        // All may be read and written by root, and folders entered.
        "-e" | "-r" | "-w" => true,
        "-f" => matches!(inode.kind, Kind::File(_)),
        "-d" => is_folder,
        "-h" | "-L" => matches!(inode.kind, Kind::Symlink(_)),
        "-s" => is_folder || inode.size() > 0,
        "-x" => is_folder || permissions & 0o111 != 0,
        "-b" => matches!(inode.kind, Kind::BlockDevice { .. }),
        "-c" => matches!(inode.kind, Kind::CharDevice { .. }),
        "-p" => matches!(inode.kind, Kind::Fifo),
        "-S" => matches!(inode.kind, Kind::Socket),
        "-u" => permissions & 0o4000 != 0,
        "-g" => permissions & 0o2000 != 0,
        "-k" => permissions & 0o1000 != 0,
        "-O" => inode.meta.uid == 0,
        "-G" => inode.meta.gid == 0,
        _ => return None,
    })
}

/// Whether a text that is known in part only has at least one character.
fn is_longer(field: &Field) -> Option<bool> {
    field.text.chars().any(|character| character != '…').then_some(true)
}
