#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# ./dev mutants: seed each bug of tests/mutants/*.mutants into a copy, and see which suite finds it.
set -u
. scripts/packages.sh
need "${build_packages[@]}" "${test_packages[@]}" || exit 1
exec python3 -B tests/mutants/run.py "$@"
