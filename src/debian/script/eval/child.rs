//! Programs of the image that are scripts for a shell themselves.

use super::{Field, Machine, Status, flow::positional};
use crate::debian::script::{MAX_SIZE, ScriptError, interpreter, syntax};

/// Scripts that may call each other.
const MAX_CHILDREN: usize = 4;

impl Machine<'_> {
    /// Follows the program at `path` when it is a script for a shell; `None` when it is not, or not understood.
    pub(in crate::debian::script) fn child(&mut self, path: &str, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
        let Some(text) = self.file_text(path)?.filter(|text| text.len() <= MAX_SIZE && self.children < MAX_CHILDREN) else {
            return Ok(None);
        };
        let Ok((bash, options)) = interpreter(text.as_bytes()) else { return Ok(None) };
        let stops = options.starts_with('-') && options.contains('e');
        // Reading takes steps, too.
        self.spend(text.len() / 16)?;
        let Ok(program) = syntax::parse(&text, self.line, bash) else { return Ok(None) };
        let (outer, quiet) = (std::mem::replace(&mut self.bash, bash), std::mem::take(&mut self.quiet));
        self.children += 1;
        self.sourced += 1;
        let result = self.apart(|machine| {
            if let Some(state) = &mut machine.state {
                state.enter(path, positional(arguments), stops);
            }
            machine.list(&program)
        });
        self.children -= 1;
        self.sourced -= 1;
        (self.bash, self.quiet) = (outer, quiet);
        result.map(Some)
    }
}
