#!/usr/bin/env bash
# Stop the cluster that up.sh started in this folder: its jobs, then its daemons by their pid files.
set -uo pipefail
root=$(realpath -m "${1:?the folder that up.sh was given}")
export PATH=$PATH:/usr/sbin:/sbin SLURM_CONF=$root/etc/slurm.conf

# What would wait for jobs for ever, if it still runs: the workflows that tests started.
for number in $(cat "$root/run/mains" 2>/dev/null); do
    [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$number/cmdline") != *snakemake* ]] || kill -9 "$number"
done
if [ -s "$root/run/slurmctld.pid" ] && timeout 10 scontrol ping >/dev/null 2>&1; then
    timeout 10 scancel --state=PENDING --user=root
    timeout 10 scancel --user=root
    for _ in $(seq 150); do [ -n "$(timeout 10 squeue -h 2>/dev/null)" ] || break; sleep 0.1; done
fi
for name in slurmd slurmctld munged; do
    file=$root/run/$name.pid
    [ -s "$file" ] || continue
    number=$(cat "$file")
    kill "$number" 2>/dev/null
    for _ in $(seq 100); do kill -0 "$number" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$number" 2>/dev/null
    rm -f "$file"
done
for file in slurm gres cgroup; do
    [ "$(readlink /etc/slurm/$file.conf)" != "$root/etc/$file.conf" ] || rm /etc/slurm/$file.conf
done
