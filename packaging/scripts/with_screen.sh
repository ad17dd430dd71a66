#!/usr/bin/env bash
# Usage: packaging/scripts/with_screen.sh COMMAND…
# Runs COMMAND on a virtual screen of its own, so that windows open for real and on nobody's desk.
set -euo pipefail
if [[ -n "${QT_QPA_PLATFORM:-}" ]]; then exec "$@"; fi
if ! command -v Xvfb >/dev/null 2>&1; then
  echo "==> No Xvfb here: windows are drawn off screen"
  exec env QT_QPA_PLATFORM=offscreen "$@"
fi
number=$(mktemp)
Xvfb -displayfd 3 -screen 0 1920x1200x24 -nolisten tcp 3>"$number" >/dev/null 2>&1 </dev/null &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$number"' EXIT
for _ in $(seq 100); do [[ -s "$number" ]] && break; sleep 0.1; done
[[ -s "$number" ]] || { echo "error: Xvfb did not start within 10 s" >&2; exit 1; }
DISPLAY=":$(<"$number")" QT_QPA_PLATFORM=xcb "$@"
