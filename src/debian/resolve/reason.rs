//! Why something cannot be installed, as a chain that a person can read.

/// So much is shown of a long chain: of its beginning,
const BEGINNING: usize = 12;
/// and of its end.
const END: usize = 4;
/// So much is shown of a need or a cause, in characters.
const MAX_TEXT: usize = 1000;

fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_TEXT).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Why a request cannot be met: the way from what was asked for to what is in the way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct Reason {
    steps: Vec<Step>,
    cause: String,
}

/// A package on the way, and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Name and version.
    pub package: String,
    /// What it needs, as it says itself.
    pub needs: String,
}

impl Reason {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Self { steps: Vec::new(), cause: cause.into() }
    }

    pub(super) fn unknown(name: &str) -> Self {
        Self::new(format!("no archive has the package `{name}`"))
    }

    pub(super) fn ambiguous(name: &str, one: &str, other: &str) -> Self {
        Self::new(format!("`{name}` is no package, but a name that several provide: name one of them, such as `{one}` or `{other}`"))
    }

    /// The same, one step further up.
    pub(super) fn needed_by(mut self, package: String, needs: String) -> Self {
        self.steps.insert(0, Step { package, needs });
        self
    }

    /// The packages on the way, beginning with what was asked for.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What is in the way at its end.
    #[must_use]
    pub fn cause(&self) -> &str {
        &self.cause
    }

    fn text(&self) -> String {
        let shown =
            |steps: &[Step]| steps.iter().map(|step| format!("{} needs {}; ", step.package, short(&step.needs))).collect::<String>();
        let steps = self.steps.as_slice();
        let chain = match steps.len().checked_sub(BEGINNING + END).filter(|left_out| *left_out > 0) {
            Some(left_out) => {
                format!("{}… {left_out} more; {}", shown(&steps[..BEGINNING]), shown(&steps[steps.len() - END..]))
            }
            None => shown(steps),
        };
        chain + &short(&self.cause)
    }
}
