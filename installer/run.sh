#!/usr/bin/env bash
# Installs what MatStudio needs and opens it on the digital twin. Arguments go to `matstudio`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
setup ""
if [ $# -gt 0 ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  exec "$venv/bin/matstudio" "$@"
fi
out=$root/sessions/$(date +%Y-%m-%d-%H%M%S)
mkdir -p "$out"
say "no display here: the same loop runs headless for 60 s on a virtual screen; files go to $out"
exec "$venv/bin/matstudio" run --headless --duration 60 --mode PID \
  --record "$out/session.nxs" --report "$out/report.json" --screenshot "$out/window.png"
