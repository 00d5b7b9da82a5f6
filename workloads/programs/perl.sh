#!/bin/sh -eu
# Perl: hashes of lists, regular expressions, and a sort.
#
# question: Which allocator for a script that makes and drops many small strings?
# package: perl
# needs: perl
# run: exec perl work.pl $((QUICK ? 60000 : 500000))
cat >work.pl <<'END'
use strict;
my ($number) = @ARGV;
my %lists;
for my $i (0 .. $number) {
    my $name = "name " . ($i * 7919 % 100003);
    push @{ $lists{$name} }, "$i-" . ("x" x ($i % 50));
}
my $total = 0;
for my $name (sort keys %lists) {
    $total += length join ",", map { s/x+/y/r } @{ $lists{$name} };
    delete $lists{$name} if $total % 3;
}
print "$total\n";
END
