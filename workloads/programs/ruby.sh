#!/bin/sh -eu
# Ruby: strings, hashes, and a sort.
#
# question: Does glibc with fewer arenas, or another allocator, make Ruby smaller?
# package: ruby
# needs: ruby
# run: exec ruby --disable-gems work.rb $((QUICK ? 25000 : 300000))
cat >work.rb <<'END'
number = ARGV[0].to_i
words = Array.new(number) { |i| "a name that is not embedded, #{i * 7919 % 100_003}" }
4.times do
  counts = Hash.new(0)
  words.each { |word| counts[word.upcase] += word.length }
  words = words.sort.map { |word| word.split(',').join(';') + ',' }
  puts counts.values.sum
end
END
