//! What the images are made of.

use super::{
    super::{BaseReference, problem::Code, raw::RawProfile, read::Given, report::Draft},
    Checker,
};

impl Checker<'_> {
    pub(super) fn base(&mut self, raw: &RawProfile) -> Option<BaseReference> {
        let hint = "write `debian:bookworm`, or the path of an image";
        self.need(&raw.base, self.top, "the key `base` is missing: what the images are made of", hint);
        let given = raw.base.given()?;
        if self.digest_is_a_comment(given) {
            return None;
        }
        match BaseReference::parse(&given.value, self.folder(), self.environment) {
            Ok(base) => Some(base),
            Err(error) => {
                self.add(Draft::new(Code::Base, given.span, error.message).hint(error.hint));
                None
            }
        }
    }

    /// ` #` begins a comment in YAML, and a digest lost that way would silently not be checked.
    fn digest_is_a_comment(&mut self, given: &Given<String>) -> bool {
        let line = self.text.get(given.span.end..).unwrap_or_default().lines().next().unwrap_or_default();
        let lost = line.trim_start_matches(['"', '\'']).trim_start().starts_with("#sha256=");
        if lost {
            let draft = Draft::new(Code::Base, given.span, "the digest behind the blank is a comment to YAML, so nothing would be checked");
            self.add(draft.hint("write `#sha256=` directly behind the name, without a blank"));
        }
        lost
    }
}
