#!/bin/sh -eu
# GCC: compiles a large generated file.
#
# question: Which allocator for a build, of programs that live briefly and free little?
# package: gcc
# needs: gcc
# run: exec gcc -O1 -c large.c -o large.o
awk -v functions="$((QUICK ? 100 : 1500))" 'BEGIN {
  for (i = 0; i < functions; i++) {
    printf "int f%d(int a, int b)\n{\n  int s = a;\n  for (int i = 0; i < b; i++)\n", i
    printf "    s += (s << %d) ^ (i * %d) ? s / (i + 1) : a;\n  return s;\n}\n", i % 7 + 1, i + 3
  }
}' >large.c
