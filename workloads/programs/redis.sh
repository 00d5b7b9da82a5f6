#!/bin/sh -eu
# Redis, a cache in memory: fill it, delete nine of ten keys, and then serve requests.
#
# question: Does a cache become smaller when its keys go, and is it as fast after that?
# package: redis-server redis-tools
# needs: redis-server redis-benchmark redis-cli
# linked-with-another: yes
# server: exec redis-server --port $PORT --bind 127.0.0.1 --save '' --loglevel warning
# ready: port:$PORT
# load: N=$((QUICK ? 30000 : 300000));
#   redis-benchmark -p $PORT -q -t set -r $N -n $((2 * N)) -d 300 -P 16 >/dev/null;
#   redis-cli -p $PORT eval "for i = 0, $N do
#     if i % 10 > 0 then redis.call('del', string.format('key:%012d', i)) end end" 0 >/dev/null;
#   redis-benchmark -p $PORT -q -t get,lpush,lrange_100 -n $((N / 3)) -P 16 >/dev/null
