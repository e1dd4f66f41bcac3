//! No swap file on a root whose size is fixed: it would take up to 2 GiB of it, and the card wears out under it.

use super::edit::Editor;
use crate::{
    base::facts::{Facts, Swap},
    node::{NodeError, embedded},
};

pub(super) fn apply(editor: &mut Editor, facts: &Facts) -> Result<(), NodeError> {
    match facts.swap {
        Swap::None => Ok(()),
        Swap::DphysSwapfile => editor.mask("dphys-swapfile.service"),
        Swap::RpiSwap => {
            editor.mask("rpi-resize-swap-file.service")?;
            // Its generator reads the drop-ins after /etc/rpi/swap.conf, by name.
            editor.create("/etc/rpi/swap.conf.d/90-berry.conf", 0o644, 0, 0, embedded::SWAP.text)
        }
    }
}
