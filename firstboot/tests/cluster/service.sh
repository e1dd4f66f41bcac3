#!/bin/bash
# Stands in for the unit, with Restart=on-failure.
own=$1 program=$2
until "$program" run --part cluster >>"$own/program.log" 2>&1 & echo $! >/run/program.pid; wait $!; do sleep 1; done
touch "$own/done"
