#!/bin/bash
#
# The checks of "./dev lint" as a test of its own for run-tests.pl.

set -euo pipefail

exec "$(dirname "$0")/../dev" lint
