//! A part that is done is not started again.

use super::systemctl;
use crate::{
    config::NodeConfig,
    host::Host,
    part::Part,
    step::{Outcome, Step, StepError},
};

/// A part that is done is not started again.
#[derive(Clone, Copy, Debug)]
pub struct Finish(
    /// The part.
    pub Part,
);

impl Step for Finish {
    fn name(&self) -> &'static str {
        match self.0 {
            Part::System => "system",
            Part::Cluster => "cluster",
        }
    }

    fn purpose(&self) -> &'static str {
        "all of this part is done, and its unit is not started at the next boot"
    }

    fn ensure(&self, _: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let unit = self.0.unit();
        if !systemctl::says(host, "is-enabled", unit)? {
            return Ok(Outcome::KEPT);
        }
        systemctl::order(host, "disable", unit)?;
        Ok(Outcome::CHANGED)
    }
}
