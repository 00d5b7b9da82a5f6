#!/bin/sh -eu
# PostgreSQL with pgbench: transactions of four clients, each served by a process of its own.
#
# question: Which allocator for a server that starts a process for each client?
# package: postgresql
# needs: pgbench initdb postgres pg_isready
# server: exec $AS_USER postgres -D "$PWD/data" -p $PORT -k /tmp -c listen_addresses=127.0.0.1
#   -c fsync=off -c shared_buffers=32MB
# ready: port:$PORT
# load: until pg_isready -q -h 127.0.0.1 -p $PORT; do sleep 0.05; done;
#   pgbench -h 127.0.0.1 -p $PORT -U spanbench -n -c 4 -j 2 -t $((QUICK ? 250 : 5000)) postgres
# metric: tps = ([0-9.]+)
# higher-is-better: yes
#
# It refuses to run as root: $AS_USER is empty, or a command that becomes another user.
# shellcheck disable=SC2086  # it is split into words on purpose
[ -z "$AS_USER" ] || chown nobody .
$AS_USER initdb -D "$PWD/data" -U spanbench -A trust --no-sync >initdb.log
$AS_USER postgres -D "$PWD/data" -p "$PORT" -k /tmp -c listen_addresses=127.0.0.1 -c fsync=off \
  >postgres.log 2>&1 &
server=$!
trap 'kill $server; wait' EXIT
until pgbench -h 127.0.0.1 -p "$PORT" -U spanbench -i -q -s "$((QUICK ? 1 : 5))" postgres \
  >pgbench.log 2>&1; do
  kill -0 $server
  sleep 0.2
done
