#!/bin/sh -eu
# GNU sort with two threads, in memory.
#
# question: Does the allocator matter to a program with few, large blocks?
# package: coreutils
# needs: sort
# env: LC_ALL=C
# run: exec sort --parallel=2 -S 512M -o sorted.txt lines.txt
awk -v n="$((QUICK ? 200000 : 2000000))" 'BEGIN {
  for (i = 0; i < n; i++)
    print i * 7919 % 1000003, "a line to be sorted", i % 97
}' >lines.txt
