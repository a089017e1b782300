#!/usr/bin/env bash
# A real SLURM of one node on loopback, for the tests: munge, slurmctld and slurmd from Debian's packages, as root, without
# accounting, without cgroups. Everything lies in the folder given; down.sh stops it by its pid files.
set -euo pipefail
root=$(realpath -m "${1:?a folder for the state of the cluster}")
here=$(hostname -s)
export PATH=$PATH:/usr/sbin:/sbin SLURM_CONF=$root/etc/slurm.conf

fail() { echo "slurm: $1" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "root is needed to start the daemons"
# Jobs find the cluster by this file alone: the executor takes SLURM_CONF out of their environment.
for file in slurm gres cgroup; do
    there=/etc/slurm/$file.conf
    [ ! -e "$there" ] || [ "$(readlink "$there")" = "$root/etc/$file.conf" ] || fail "$there belongs to another cluster"
done
if ! type slurmctld slurmd sbatch munged >/dev/null 2>&1; then
    command -v apt-get >/dev/null || fail "found not all of slurmctld, slurmd, sbatch and munged, and no apt-get"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge >/dev/null
fi
getent hosts "$here" | grep -q '^127\.\|^::1' || echo "127.0.0.1 $here" >>/etc/hosts

mkdir -p "$root"/{etc,run,log,dev,munge,state,spool} /etc/slurm
chmod 700 "$root/munge"
chmod 755 "$root" "$root/run"
[ -s "$root/munge/key" ] || head -c 1024 /dev/urandom >"$root/munge/key"
chmod 400 "$root/munge/key"
munged --force --key-file="$root/munge/key" --socket="$root/run/munge" --pid-file="$root/run/munged.pid" \
    --log-file="$root/log/munged.log" --seed-file="$root/munge/seed"

# slurmd counts GPUs that are character devices: twins of /dev/null stand in for them.
for number in 0 1 2 3; do [ -c "$root/dev/gpu$number" ] || mknod "$root/dev/gpu$number" c 1 3; done
echo "NodeName=$here Name=gpu Type=a100 File=$root/dev/gpu[0-3]" >"$root/etc/gres.conf"
echo "CgroupPlugin=cgroup/v1" >"$root/etc/cgroup.conf"
cat >"$SLURM_CONF" <<CONF
ClusterName=loopback
SlurmctldHost=$here(127.0.0.1)
SlurmctldPort=26917
SlurmdPort=26918
SrunPortRange=27000-27999
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthInfo=socket=$root/run/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$root/state
SlurmdSpoolDir=$root/spool
SlurmctldPidFile=$root/run/slurmctld.pid
SlurmdPidFile=$root/run/slurmd.pid
SlurmctldLogFile=$root/log/slurmctld.log
SlurmdLogFile=$root/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MpiDefault=none
ReturnToService=2
KillWait=10
MinJobAge=${MIN_JOB_AGE:-3600}
GresTypes=gpu
NodeName=$here NodeAddr=127.0.0.1 CPUs=16 RealMemory=64000 Gres=gpu:a100:4
PartitionName=cpu Nodes=$here Default=YES PriorityTier=1 PreemptMode=OFF
PartitionName=gpu-a100 Nodes=$here PriorityTier=1 PreemptMode=OFF
PartitionName=grace Nodes=$here PriorityTier=0 PreemptMode=REQUEUE GraceTime=10
PartitionName=nograce Nodes=$here PriorityTier=0 PreemptMode=REQUEUE
PartitionName=urgent Nodes=$here PriorityTier=9 PreemptMode=OFF
CONF
for file in slurm gres cgroup; do ln -sfn "$root/etc/$file.conf" /etc/slurm/$file.conf; done
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
for _ in $(seq 300); do
    [ "$(sinfo -h -p cpu -o %T 2>/dev/null)" != idle ] || exit 0
    sleep 0.1
done
fail "the node is not idle after 30 s; see $root/log"
