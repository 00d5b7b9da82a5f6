#!/bin/sh -eu
# git: packs a repository anew, and shows the history of all its changes.
#
# question: Which allocator for a program that compares and compresses with two threads?
# package: git
# needs: git
# run: git -C repository repack -a -d -f -q && exec git -C repository --no-pager log -p >log.txt
git init -q repository
cd repository
git config user.name spanbench
git config user.email spanbench@localhost
git config pack.threads 2
for i in $(seq "$((QUICK ? 40 : 200))"); do
  awk -v i="$i" 'BEGIN {
    for (j = 0; j < 3000; j++)
      print j, (j * 7919 + (j % 97 == i % 97 ? i : 0)) % 100003
  }' >"file$((i % 5))"
  git add .
  git commit -q -m "change $i"
done
