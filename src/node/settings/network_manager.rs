//! NetworkManager: our connection and no other.

use super::edit::Editor;
use crate::node::NodeError;

/// The node's connection.
pub(super) const KEYFILE: &str = "/etc/NetworkManager/system-connections/berry.nmconnection";
const CONNECTIONS: &str = "/etc/NetworkManager/system-connections";
/// Where NetworkManager of trixie keeps what was set by its tools, as YAML that becomes connections at each boot.
const NETPLAN: &str = "/etc/netplan";

pub(super) fn apply(editor: &mut Editor) -> Result<(), NodeError> {
    editor.enable("NetworkManager.service", "multi-user.target.wants", "the network")?;
    editor.folder(CONNECTIONS, 0o755, 0, 0)?;
    for folder in [CONNECTIONS, NETPLAN] {
        for name in editor.names(folder) {
            // A connection of the image would compete with ours.
            editor.remove(&format!("{folder}/{name}"))?;
        }
    }
    Ok(())
}

/// NetworkManager's own state, which keeps the radio off until a country is chosen.
pub(super) fn radio_on(editor: &mut Editor) -> Result<(), NodeError> {
    let state = "/var/lib/NetworkManager/NetworkManager.state";
    editor.write(state, "[main]\nNetworkingEnabled=true\nWirelessEnabled=true\nWWANEnabled=true\n")
}
