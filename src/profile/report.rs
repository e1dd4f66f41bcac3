//! All problems of one profile: collected while it is read, then shown at once.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, NamedSource};

use super::{
    mask,
    problem::{Code, Place, Problem, Severity, Span},
};
use crate::error::{Classified, Kind};

/// More problems than this are counted, not kept: nobody reads them, and a hostile file must not cost memory.
const KEPT: usize = 500;

/// A problem before lines and columns are known.
#[derive(Debug)]
pub(super) struct Draft {
    code: Code,
    severity: Severity,
    message: String,
    hint: Option<String>,
    span: Span,
    related: Vec<(Span, String)>,
}

impl Draft {
    /// What is wrong, and which bytes are.
    pub(super) fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), hint: None, span, related: Vec::new() }
    }

    /// Something doubtful that does not stop the build.
    pub(super) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(Code::Doubtful, span, message) }
    }

    /// What to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Another place that belongs to it.
    pub(super) fn also(mut self, span: Span, message: impl Into<String>) -> Self {
        self.related.push((span, message.into()));
        self
    }
}

/// Where problems are collected while a profile is read.
#[derive(Debug, Default)]
pub(super) struct Problems {
    drafts: Vec<Draft>,
    more: usize,
    errors: usize,
    hidden: Vec<Span>,
}

impl Problems {
    /// Keeps one problem.
    pub(super) fn add(&mut self, draft: Draft) {
        self.errors += usize::from(draft.severity == Severity::Error);
        if self.is_full() {
            self.more += 1;
        } else {
            self.drafts.push(draft);
        }
    }

    /// Never shows these bytes of the text.
    pub(super) fn hide(&mut self, span: Span) {
        self.hidden.push(span);
    }

    /// Whether further problems are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.drafts.len() >= KEPT
    }

    /// Number of problems so far that stop the build.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// Everything that was found, in the order of the text: what stops the build, and what does not.
    pub(super) fn finish(mut self, path: &Path, text: &str) -> (Report, Report) {
        let source = Arc::new(NamedSource::new(path.display().to_string(), mask::mask(text, &self.hidden)));
        let lines = Lines::new(text);
        self.drafts.sort_by_key(|draft| draft.span);
        let (errors, warnings) = self.drafts.into_iter().partition::<Vec<_>, _>(|draft| draft.severity == Severity::Error);
        let report = |drafts: Vec<Draft>, more| Report {
            path: path.to_owned(),
            problems: drafts.into_iter().map(|draft| settle(draft, &lines, &source)).collect(),
            more,
        };
        // What was not kept is counted with the errors: there cannot be 500 warnings, each is about one key or node.
        (report(errors, self.more), report(warnings, 0))
    }
}

fn settle(draft: Draft, lines: &Lines<'_>, source: &Arc<NamedSource<String>>) -> Problem {
    Problem {
        code: draft.code,
        severity: draft.severity,
        message: draft.message,
        place: Some(lines.place(draft.span, String::new())),
        hint: draft.hint,
        related: draft.related.into_iter().map(|(span, message)| lines.place(span, message)).collect(),
        source: Some(Arc::clone(source)),
    }
}

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The place of a span, cut to its first line so that one line is underlined and not a page.
    fn place(&self, span: Span, message: String) -> Place {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let line = self.starts.partition_point(|&first| first <= start);
        let first = line.checked_sub(1).and_then(|line| self.starts.get(line)).copied().unwrap_or(0);
        let before = self.text.get(first..start).unwrap_or_default();
        let line_end = self.text.get(start..).and_then(|rest| rest.find(['\n', '\r'])).map_or(self.text.len(), |at| start + at);
        // A byte order mark at the very beginning is no column.
        let column = before.chars().filter(|&c| c != '\u{feff}').count() + 1;
        Place { line, column, message, span: Span { start, end: span.end.clamp(start, line_end) } }
    }
}

/// All problems of one profile, in the order of its text.
#[derive(Clone, Debug)]
pub struct Report {
    path: PathBuf,
    problems: Vec<Problem>,
    more: usize,
}

impl Report {
    /// A file that could not even be read; `place` counts line and column from 1.
    pub(super) fn of_file(path: &Path, code: Code, message: String, hint: Option<String>, place: Option<(usize, usize)>) -> Self {
        let place = place.map(|(line, column)| Place { line, column, message: String::new(), span: Span::default() });
        let problem = Problem { code, severity: Severity::Error, message, place, hint, related: Vec::new(), source: None };
        Self { path: path.to_owned(), problems: vec![problem], more: 0 }
    }

    /// The profile.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Each problem, in the order of the text. Serialized, they are what `--json` prints.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Number of problems beyond those that were kept; 0 for any profile that a person wrote.
    #[must_use]
    pub fn more(&self) -> usize {
        self.more
    }

    /// For people: every problem with its line and the wrong value underlined; `width` is in columns.
    #[must_use]
    pub fn render(&self, colour: bool, width: usize) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false);
        let mut text = String::new();
        for problem in &self.problems {
            // Writing into a String cannot fail; should the renderer refuse, the plain line still says it.
            if handler.render_report(&mut text, problem).is_err() {
                text.push_str(&self.line(problem));
            }
            text.push('\n');
        }
        if self.more > 0 {
            text.push_str(&format!("… and {} more\n", self.more));
        }
        text
    }

    fn line(&self, problem: &Problem) -> String {
        let path = self.path.display();
        match &problem.place {
            Some(place) => format!("{path}:{}:{}: {problem}", place.line, place.column),
            None => format!("{path}: {problem}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{}", self.line(problem))?;
        }
        if self.more > 0 {
            write!(f, "\n… and {} more", self.more)?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a profile; at least one problem.
#[derive(Clone, Debug)]
pub struct ProfileErrors(Report);

impl ProfileErrors {
    pub(super) fn new(report: Report) -> Self {
        Self(report)
    }

    /// The problems.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.0
    }
}

impl fmt::Display for ProfileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ProfileErrors {}

impl Diagnostic for ProfileErrors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.0.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

impl Classified for ProfileErrors {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<String> {
        None
    }
}
