#!/bin/sh
# Fetches what drives a browser in the tests of the page, into the build: playwright-core, and axe-core, which finds
# what a screen reader cannot use. The browser itself is the distribution's (scripts/deps.sh test-all).
#
# usage: [B=dir] scripts/report/browser.sh      `make test-all` does it
#
# Exit code 0, also without a network: then those tests are skipped, and say so.
set -eu
cd "$(dirname "$0")/../.."
folder=${B:-build}/browser
[ ! -d "$folder/node_modules/axe-core" ] || exit 0
if ! command -v npm >/dev/null; then
  echo "browser.sh: there is no npm: the tests in a browser will be skipped" >&2
  exit 0
fi
mkdir -p "$folder"
npm install --silent --no-fund --no-audit --ignore-scripts --prefix "$folder" playwright-core@1 axe-core@4 >&2 ||
  echo "browser.sh: npm could not fetch playwright-core and axe-core: the tests in a browser will be skipped" >&2
