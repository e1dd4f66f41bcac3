# Runs in the new root ("$1") when all packages are configured; $BERRY_RASPI_FIRMWARE is the text of /etc/default/raspi-firmware.
set -e
# A conffile: written now, after its package was configured, it counts as the administrator's and is kept by upgrades.
printf '%s' "$BERRY_RASPI_FIRMWARE" > "$1/etc/default/raspi-firmware"
# The hook reads it and writes config.txt and cmdline.txt; what it writes is compared with what berry-image expects.
DEB_MAINT_PARAMS=configure chroot "$1" /etc/kernel/postinst.d/z50-raspi-firmware

# What must differ between machines, or tells of the one this was made on.
rm -f "$1"/etc/ssh/ssh_host_*_key "$1"/etc/ssh/ssh_host_*_key.pub
rm -f "$1/etc/resolv.conf" "$1/etc/hostname" "$1/etc/adjtime"
rm -f "$1/var/lib/systemd/random-seed" "$1/var/lib/systemd/credential.secret" "$1/var/lib/NetworkManager/secret_key"
rm -f "$1"/var/lib/NetworkManager/seen-bssids "$1"/var/lib/NetworkManager/timestamps "$1"/var/lib/dhcp/*.leases
: > "$1/etc/machine-id"
# Mounts are written per node.
: > "$1/etc/fstab"

# What only making it needed, or left behind.
rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"
rm -f "$1/etc/passwd-" "$1/etc/group-" "$1/etc/shadow-" "$1/etc/gshadow-" "$1/etc/subuid-" "$1/etc/subgid-"
rm -f "$1"/var/cache/debconf/*-old "$1"/var/lib/dpkg/*-old
rm -f "$1"/var/log/*.log "$1"/var/log/apt/*
for log in btmp faillog lastlog wtmp; do
    if [ -e "$1/var/log/$log" ]; then : > "$1/var/log/$log"; fi
done
rm -f "$1"/root/.bash_history
