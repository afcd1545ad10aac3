#!/usr/bin/env bash
# Installs what MatStudio and its tests need, and runs the tests: all on a virtual screen, those of the window also
# without one. Arguments go to pytest (then it runs once, on a virtual screen).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
setup dev
cd "$root"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
screen=(xvfb-run -a -s "-screen 0 1600x1000x24 +extension GLX")
if [ $# -gt 0 ]; then exec "${screen[@]}" "$venv/bin/python" -m pytest "$@"; fi
# What does not look at a clock or a window runs in two processes.
apart=(tests/bus tests/control tests/domain tests/dynamics tests/fusion tests/fuzz tests/instruments/readers
  tests/modalities tests/plugins tests/recording tests/session tests/training)
"${screen[@]}" "$venv/bin/python" -m pytest -q -n 2 --dist loadfile "${apart[@]}"
"${screen[@]}" "$venv/bin/python" -m pytest -q "${apart[@]/#/--ignore=}"
say "the window's tests once more, without a display"
env -u DISPLAY -u WAYLAND_DISPLAY QT_QPA_PLATFORM=offscreen "$venv/bin/python" -m pytest -q tests/widgets \
  tests/ui/test_window.py tests/ui/test_structure_dock.py tests/modalities/test_viewers.py
