#!/bin/sh
# A Grid Engine of one node, in a folder of its own and without init scripts. Debian 12, as root: [CPUS=8] … DIR
# The name of the machine must stand for 127.0.0.1 in /etc/hosts.
# First: apt-get install -y --no-install-recommends gridengine-master gridengine-exec gridengine-client
# Its daemons listen on every address, so run it, and all that talks to it, where there is none but 127.0.0.1:
#   unshare --net sh -c 'ip link set lo up; sh gridengine-single-node.sh DIR; export SGE_ROOT=DIR; pytest …'
# To stop: kill $(cat DIR/*.pid)
set -eu
d=$(realpath -m "${1:?folder}"); cpus=${CPUS:-$(nproc)}
export SGE_ROOT="$d" SGE_CELL=default SGE_QMASTER_PORT=6444 SGE_EXECD_PORT=6445
mkdir -p "$d/default/common" "$d/qmaster/job_scripts" "$d/execd" "$d/spooldb"
cp -rs /var/lib/gridengine/bin /var/lib/gridengine/lib /var/lib/gridengine/utilbin /var/lib/gridengine/util "$d"
echo localhost > "$d/default/common/act_qmaster"
echo "localhost $(hostname)" > "$d/default/common/host_aliases"
cat > "$d/default/common/bootstrap" <<CONF
admin_user root
default_domain none
ignore_fqdn true
spooling_method berkeleydb
spooling_lib libspoolb
spooling_params $d/spooldb
binary_path /usr/sbin
qmaster_spool_dir $d/qmaster
security_mode none
listener_threads 2
worker_threads 2
scheduler_threads 1
CONF
/usr/share/gridengine/scripts/init_cluster "$d" default "$d/spooldb" root
sge_qmaster; sleep 1
qconf -sconf | sed -e '/^#/d' -e "s#^\(execd_spool_dir\).*#\1 $d/execd#" -e 's/^\(min_[ug]id\).*/\1 0/' \
  -e 's/^\(load_report_time\).*/\1 0:0:2/' -e 's/flush_time=[0-9:]*/accounting_flush_time=0:0:0/' > "$d/global"
qconf -ssconf | sed -e 's/^\(schedule_interval\).*/\1 0:0:2/' -e 's/^\(flush_[a-z]*_sec\).*/\1 1/' > "$d/sched"
qconf -sq | sed -e 's/^\(qname\).*/\1 all.q/' -e 's/^\(hostlist\).*/\1 localhost/' -e 's/^\(pe_list\).*/\1 smp/' \
  -e 's/^\(load_thresholds\).*/\1 NONE/' -e "s/^\(slots\).*/\1 $cpus/" > "$d/queue"
qconf -Mconf "$d/global"; qconf -Msconf "$d/sched"
sge_execd; sleep 3
qconf -as localhost; qconf -Ap /usr/share/gridengine/util/resources/pe/smp; qconf -Aq "$d/queue"
cp "$d/qmaster/qmaster.pid" "$d/execd/localhost/execd.pid" "$d"
qhost
