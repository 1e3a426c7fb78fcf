#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Put the core and this port into a kernel tree; see README.md beside this.
command -v python3 >/dev/null || { echo "install.sh: needs python3" >&2; exit 1; }
exec python3 -B "$(dirname "$0")/install.py" "$@"
