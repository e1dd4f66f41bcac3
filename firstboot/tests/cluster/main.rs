//! The built program and real glusterd on three hosts in namespaces of their own: the pool forms, the volume is served, whatever is
//! disturbed on the way.
//!
//! Needs root, and Debian's packages `glusterfs-server` and `iproute2`. Each host has network, mounts, processes and a name of its own, and a
//! file-backed ext4 for its brick; when the test ends in any way, the hosts' first processes end, and everything on them with them. Only
//! systemd, udev and Apache have stand-ins.

mod cases;
mod lab;
