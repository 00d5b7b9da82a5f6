#!/bin/sh -eu
# Python without its own small allocator: JSON, dictionaries, and strings.
#
# question: Which allocator for a script, once pymalloc is switched off?
# package: python3
# needs: python3
# env: PYTHONMALLOC=malloc
# run: exec python3 -S work.py $((QUICK ? 12000 : 80000))
cat >work.py <<'END'
import json
import sys

rows = [
    {"id": i, "name": f"name {i * 7919 % 100003}", "tags": [str(j) for j in range(i % 7)]}
    for i in range(int(sys.argv[1]))
]
total = 0
for step in range(3):
    text = json.dumps(rows)
    rows = json.loads(text)
    words = {}
    for row in rows:
        words.setdefault(row["name"], []).append(row["id"])
    total += len(text) + len(words)
print(total)
END
