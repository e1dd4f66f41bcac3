#!/bin/bash
# The first process of a node: mounts what is its own, and ends, with all else on the node, when its standard input does.
set -eu
own=$1 name=$2
mount --make-rprivate /
mount -t proc proc /proc
hostname "$name"
mount --bind "$own/etc" /etc
mount --bind "$own/lib" /var/lib
mount --bind "$own/log" /var/log/glusterfs
mount --bind "$own/../programs" /usr/local/sbin
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /mnt
mkdir -p /run/gluster /mnt/export /mnt/www
# The card of a host that was cut off a moment ago may still be in use.
for _ in $(seq 100); do
    mount -t ext4 -o loop "$own/brick.img" /mnt/export && break
    sleep 0.3
done
mountpoint -q /mnt/export
ip link set lo up
touch "$own/up"
read -r _ || true
