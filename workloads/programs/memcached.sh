#!/bin/sh -eu
# memcached, a cache with slabs of its own over malloc.
#
# question: Is an allocator of any use to a server that has one inside?
# package: memcached libmemcached-tools
# needs: memcached memcslap
# server: exec memcached -l 127.0.0.1 -p $PORT -m 128 -t 2 -u nobody
# ready: port:$PORT
# load: memcslap --servers=127.0.0.1:$PORT --concurrency=8 --test=set
#   --execute-number=$((QUICK ? 1000 : 20000)) >/dev/null
