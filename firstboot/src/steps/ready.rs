//! The machine is ready for the cluster: the packages are configured.

use crate::{
    config::NodeConfig,
    host::Host,
    journal::Journal,
    part::Part,
    status::State,
    step::{Outcome, Step, StepError},
    steps::{Clock, Packages},
};

/// The machine is ready for the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Ready;

impl Step for Ready {
    fn name(&self) -> &'static str {
        "ready"
    }

    fn purpose(&self) -> &'static str {
        "clock and packages are ready for the cluster"
    }

    /// The brick's size is not waited for: it grows under a volume, too.
    fn ensure(&self, _: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let journal = Journal::read(Part::System, host);
        let is_done = |name: &str| {
            let entry = journal.iter().flat_map(|journal| &journal.steps).find(|entry| entry.name == name);
            entry.is_some_and(|entry| entry.state == State::Done)
        };
        let awaited = [Clock.name(), Packages.name()].into_iter().find(|name| !is_done(name));
        Ok(awaited.map_or(Outcome::KEPT, |name| Outcome::wait(format!("the step `{name}` is not done"), 3)))
    }
}
