#!/bin/bash
# Stands in for two units: the one that keeps the volume mounted, and first boot, with Restart=on-failure, until it has disabled itself.
own=$1 program=$2
"$program" keep >>"$own/keep.log" 2>&1 &
[ ! -e "$own/done" ] || exit 0
until "$program" run --part cluster >>"$own/program.log" 2>&1 & echo $! >/run/program.pid; wait $!; do sleep 1; done
touch "$own/done"
