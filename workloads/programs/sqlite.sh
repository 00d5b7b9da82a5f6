#!/bin/sh -eu
# SQLite: a bulk load into a database in memory, two indexes, and a join.
#
# question: Which allocator for a program with one thread, many small blocks, and some large ones?
# package: sqlite3
# needs: sqlite3
# run: exec sqlite3 :memory: "create table t (id integer primary key, name text, n integer);
#   with recursive c(i) as (select 1 union all
#   select i + 1 from c where i < $((QUICK ? 60000 : 600000)))
#   insert into t select i, 'name ' || (i * 7919 % 100003), i * 31 % 1009 from c;
#   create index by_name on t(name); create index by_n on t(n);
#   select count(*), sum(a.n) from t a join t b on a.name = b.name where a.id < b.id;"
