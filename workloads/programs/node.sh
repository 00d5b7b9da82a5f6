#!/bin/sh -eu
# Node.js: Buffers and compression, which use malloc, beside objects, which do not.
#
# question: How much of a JavaScript program does the allocator reach?
# package: nodejs
# needs: node
# run: exec node work.js $((QUICK ? 60 : 500))
cat >work.js <<'END'
const zlib = require("zlib");
const number = Number(process.argv[2]);
let kept = [];
let total = 0;
for (let i = 0; i < number; i++) {
  const rows = Array.from({ length: 400 }, (_, j) => ({ id: i * j, name: "name " + j }));
  const packed = zlib.gzipSync(Buffer.from(JSON.stringify(rows)));
  kept.push(Buffer.concat([packed, Buffer.alloc(20000 + (i % 13) * 1000)]));
  if (kept.length > 64) kept = kept.filter((_, j) => j % 2);
  total += zlib.gunzipSync(packed).length;
}
console.log(total);
END
