#!/bin/bash
# The first process of the place in which Apache runs: mounts and processes of its own, which end when its standard input does.
# Does what it is told there, word by word, and says when it is done.
set -eu
folder=$1
mount --make-rprivate /
mount -t proc proc /proc
mount -o loop "$folder/disk.img" /mnt
mount --bind "$folder/log" /mnt/log
cd /mnt
# As in the image.
chmod 0000 www
chattr +i www

volume() { exec /usr/sbin/glusterfs --no-daemon --volfile=/mnt/volume.vol --log-file=/mnt/log/volume.log /mnt/www; }
apache() { APACHE_LOG_DIR=/mnt/log exec /usr/sbin/apache2 -f /mnt/etc/apache2/apache2.conf "$@"; }

while read -r word; do
    case $word in
        check) (apache -t) 2>&1 ;;
        start) (apache -D FOREGROUND) >log/start.log 2>&1 & ;;
        mount)
            (volume) >log/volume.out 2>&1 &
            client=$!
            for _ in $(seq 500); do
                ! cat www/.cluster-volume >/dev/null 2>&1 || break
                kill -0 "$client" 2>/dev/null || break
                sleep 0.02
            done
            mountpoint -q www || { cat log/volume.log; exit 1; }
            ;;
        kill)
            kill -KILL "$client"
            wait "$client" 2>/dev/null || true
            ;;
        unmount) umount --lazy www ;;
        look) { ls -A www && ! touch www/new; } 2>&1 ;;
        *) exit 2 ;;
    esac
    echo "done"
done
