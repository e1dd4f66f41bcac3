#!/bin/bash
# Stands in for a unit with Restart=on-failure.
own=$1
shift
until BERRY_CONFIG=$own/node.json "$@" >>"$own/program.log" 2>&1 & echo $! >/run/program.pid; wait $!; do sleep 1; done
touch "$own/done"
