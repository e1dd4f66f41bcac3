//! The network: dhcpcd up to bullseye, NetworkManager since bookworm, and radios that are off until a country is chosen.

use super::{Flavour, release::Release, root::Root};

/// `/etc/dhcpcd.conf` of dhcpcd5, with its examples in comments.
const DHCPCD: &str = "# A sample configuration for dhcpcd.\n# See dhcpcd.conf(5) for details.\n\n\
     # Allow users of this group to interact with dhcpcd via the control socket.\n#controlgroup wheel\n\n\
     # Inform the DHCP server of our hostname for DDNS.\nhostname\n\n# Use the hardware address of the interface for the Client ID.\nclientid\n\n\
     # Persist interface configuration when dhcpcd exits.\npersistent\n\n# Rapid commit support.\noption rapid_commit\n\n\
     # A list of options to request from the DHCP server.\noption domain_name_servers, domain_name, domain_search, host_name\noption classless_static_routes\n\
     # Respect the network MTU. This is applied to DHCP routes.\noption interface_mtu\n\n# A ServerID is required by RFC2131.\nrequire dhcp_server_identifier\n\n\
     # Generate SLAAC address using the Hardware Address of the interface\n#slaac hwaddr\n# OR generate Stable Private IPv6 Addresses based from the DUID\nslaac private\n\n\
     # Example static IP configuration:\n#interface eth0\n#static ip_address=192.168.0.10/24\n#static routers=192.168.0.1\n#static domain_name_servers=192.168.0.1 8.8.8.8\n\n\
     # It is possible to fall back to a static IP if DHCP fails:\n# define static profile\n#profile static_eth0\n#static ip_address=192.168.1.23/24\n\n\
     # fallback to static profile on eth0\n#interface eth0\n#fallback static_eth0\n";

/// `/etc/wpa_supplicant/wpa_supplicant.conf` before a network is chosen.
const WPA_SUPPLICANT: &str = "ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\nupdate_config=1\n";

pub fn fill(root: &Root, flavour: &Flavour) {
    if flavour.network == "dhcpcd" {
        root.put("etc/dhcpcd.conf", DHCPCD, 0o664);
        root.owner("etc/dhcpcd.conf", 0, 108);
        root.enabled("dhcpcd.service", "multi-user.target.wants");
        root.link("etc/systemd/system/dhcpcd5.service", "/lib/systemd/system/dhcpcd.service");
        if flavour.release <= Release::Buster {
            root.text("etc/systemd/system/dhcpcd.service.d/wait.conf", "[Service]\nExecStart=\nExecStart=/usr/lib/dhcpcd5/dhcpcd -q -w\n");
        }
        root.put("etc/wpa_supplicant/wpa_supplicant.conf", WPA_SUPPLICANT, 0o600);
    }
    if flavour.network == "NetworkManager" || flavour.network_manager {
        root.unit("NetworkManager.service");
        root.program("usr/sbin/NetworkManager");
        root.text("etc/NetworkManager/NetworkManager.conf", "[main]\nplugins=ifupdown,keyfile\n\n[ifupdown]\nmanaged=false\n");
        root.folder("etc/NetworkManager/system-connections", 0o755);
    }
    if flavour.network == "NetworkManager" {
        root.enable("NetworkManager.service", "multi-user.target.wants");
        root.link("etc/systemd/system/dbus-org.freedesktop.nm-dispatcher.service", "/lib/systemd/system/NetworkManager-dispatcher.service");
    }
    if flavour.wireless_off {
        root.put("var/lib/NetworkManager/NetworkManager.state", "[main]\nWirelessEnabled=false\n", 0o600);
    }
    if flavour.release == Release::Trixie {
        root.put("usr/lib/netplan/00-network-manager-all.yaml", "network:\n  renderer: NetworkManager\n", 0o600);
        root.folder("etc/netplan", 0o755);
    }
    radios(root, flavour);
    root.text("etc/network/interfaces", "# interfaces(5) file used by ifup(8) and ifdown(8)\n# Include files from /etc/network/interfaces.d:\nsource /etc/network/interfaces.d/*\n");
    root.folder("etc/network/interfaces.d", 0o755);
    root.text("etc/resolv.conf", "nameserver 192.0.2.53\n");
    // Interfaces keep the kernel's names: eth0, wlan0.
    root.link("etc/systemd/network/99-default.link", "/dev/null");
    if flavour.release >= Release::Bullseye {
        root.link("etc/systemd/network/73-usb-net-by-mac.link", "/dev/null");
    }
}

fn radios(root: &Root, flavour: &Flavour) {
    root.folder("var/lib/systemd/rfkill", 0o755);
    for name in flavour.blocked_radios {
        root.text(&format!("var/lib/systemd/rfkill/{name}"), "1\n");
    }
    if flavour.wireless_off {
        // Since the kernel starts with all radios off, those that are to be on are listed.
        for device in ["107d50c000.serial", "3f215040.serial", "20215040.serial", "fe215040.serial", "soc"] {
            root.text(&format!("var/lib/systemd/rfkill/platform-{device}:bluetooth"), "0\n");
        }
    }
}
