//! The shell's grammar (POSIX, sh(1), with what dash and bash add and maintainer scripts use), read into a tree of commands.
//!
//! Written for scripts that nobody vouches for: reading takes time in proportion to a budget, and nesting is limited, so that neither
//! a parse nor a walk over its result can exhaust the stack.

mod command;
mod compound;
mod dollar;
mod here;
mod reader;
mod redirection;
mod word;

use std::{cell::OnceCell, rc::Rc};

use super::ScriptError;
use reader::Reader;

/// Commands one after another.
pub(super) type List = Rc<[AndOr]>;

/// Pipelines joined by `&&` and `||`.
#[derive(Debug)]
pub(super) struct AndOr {
    pub(super) first: Pipeline,
    /// The others; `true` stands for `&&`.
    pub(super) rest: Vec<(bool, Pipeline)>,
    /// Ended by `&`.
    pub(super) background: bool,
}

/// Commands joined by `|`.
#[derive(Debug)]
pub(super) struct Pipeline {
    /// Begins with `!`.
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
}

/// One command.
#[derive(Debug)]
pub(super) struct Command {
    /// The line where it begins, counted from one.
    pub(super) line: usize,
    pub(super) form: Form,
    pub(super) redirections: Vec<Redirection>,
}

/// The forms of a command.
#[derive(Debug)]
pub(super) enum Form {
    /// Assignments, and words of which the first is the command's name.
    Simple { assignments: Vec<Assignment>, words: Vec<Word> },
    /// `{ …; }`
    Group(List),
    /// `( … )`
    Subshell(List),
    /// `if`: conditions with what follows them, and what is done otherwise.
    If { arms: Vec<(List, List)>, otherwise: Option<List> },
    /// `while`, `until`.
    Loop { until: bool, condition: List, body: List },
    /// `for`; without words it goes over the positional parameters.
    For { name: String, words: Option<Vec<Word>>, body: List },
    /// `case`
    Case { word: Word, arms: Vec<Arm> },
    /// `name() …`
    Function { name: String, body: Rc<Command> },
    /// `[[ … ]]` and `(( … ))` of bash: the words in it. What they say is not looked into.
    Opaque(Vec<Word>),
}

/// `NAME=VALUE`
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: Word,
    /// `+=`, or a list of bash: the result is not known.
    pub(super) opaque: bool,
}

/// One arm of `case`.
#[derive(Debug)]
pub(super) struct Arm {
    pub(super) patterns: Vec<Word>,
    pub(super) body: List,
}

/// `2>/dev/null`
#[derive(Debug)]
pub(super) struct Redirection {
    pub(super) descriptor: u32,
    pub(super) direction: Direction,
    pub(super) target: Target,
}

/// Where a redirection leads.
#[derive(Debug)]
pub(super) enum Target {
    /// A file, or the number of a descriptor.
    Word(Word),
    /// A here-document's text.
    Document(Rc<OnceCell<Word>>),
}

/// What a redirection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// `<`
    Read,
    /// `>`, `>>`, `>|`, `<>`: the file is made or changed.
    Write,
    /// `&>` of bash: standard output and error.
    WriteBoth,
    /// `<&`, `>&`
    Duplicate,
    /// `<<`
    Here,
}

/// A word before it is expanded.
pub(super) type Word = Vec<Piece>;

/// A part of a word. What is quoted is neither split into fields nor a pattern.
#[derive(Debug)]
pub(super) enum Piece {
    /// Text as it stands.
    Text { text: String, quoted: bool },
    /// `$NAME`, `${NAME…}`
    Parameter { name: String, modifier: Modifier, quoted: bool },
    /// `$(…)`, `` `…` ``
    Substitution { body: List, quoted: bool },
    /// `$((…))`
    Arithmetic { expression: Word, quoted: bool },
}

/// What is done to a parameter's value.
#[derive(Debug)]
pub(super) enum Modifier {
    None,
    /// `${#NAME}`
    Length,
    /// `${NAME:-WORD}`, and without the colon.
    Default {
        colon: bool,
        word: Word,
    },
    /// `${NAME:=WORD}`
    Assign {
        colon: bool,
        word: Word,
    },
    /// `${NAME:?WORD}`
    Require {
        colon: bool,
        word: Word,
    },
    /// `${NAME:+WORD}`
    Alternative {
        colon: bool,
        word: Word,
    },
    /// `${NAME%WORD}`, `${NAME%%WORD}`
    TrimEnd {
        longest: bool,
        word: Word,
    },
    /// `${NAME#WORD}`, `${NAME##WORD}`
    TrimStart {
        longest: bool,
        word: Word,
    },
    /// What only bash has; the result is not known.
    Opaque {
        word: Word,
    },
}

/// Reads a whole script.
///
/// # Errors
/// When it does not follow the grammar, or nests too deeply.
pub(super) fn parse(text: &str, first_line: usize, bash: bool) -> Result<List, ScriptError> {
    let mut reader = Reader::new(text, first_line, bash);
    let list = reader.list()?;
    reader.no_document()?;
    if reader.peek().is_some() {
        return Err(reader.wrong("a command begins with what cannot begin one"));
    }
    Ok(list)
}

#[cfg(test)]
mod tests;
