//! `berry-image schema`.

use super::{failure::Failure, report::Report};
use crate::profile;

pub(super) fn run(report: &Report) -> Result<(), Failure> {
    report.json(&profile::schema())
}
