# Runs in the new root ("$1") before the kernel is installed, whose postinst makes the initramfs.
# Neither file belongs to a package, so no later upgrade asks about them.
set -e
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"
# What the host has must not decide what the Pi can boot from.
echo MODULES=list > "$1/etc/initramfs-tools/conf.d/zz-berry-image"
cat > "$1/usr/share/initramfs-tools/modules.d/berry-image" << 'END'
# The root file system, and QEMU's virt machine
ext4
virtio_pci
virtio_mmio
virtio_blk
# SD card of a Pi 3 and Zero 2 W (sdhost, Arasan) and of a Pi 4 (emmc2, whose supplies are modules too)
bcm2835
sdhci_iproc
fixed
gpio_regulator
# USB disks
reset_raspberrypi
xhci_pci
dwc2
usb_storage
uas
END
