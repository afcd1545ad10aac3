# Sourced by run.sh and test.sh: makes .venv at the project's root. Safe to run again, and quick when nothing changed.
# Usage: setup EXTRA   (EXTRA: "" or "dev")

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv

# Debian packages: Python itself, and what a Qt window with OpenGL needs, on a real or a virtual screen. Where a
# package has another name in a newer release, both stand here, joined with a bar.
packages="python3 python3-venv xvfb xauth xdotool libegl1 libgl1 libgl1-mesa-dri libglx-mesa0 libopengl0
 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xkb1 libxcb-image0
 libxcb-render-util0 libxcb-xinerama0 libdbus-1-3 libfontconfig1 libglib2.0-0|libglib2.0-0t64
 fonts-dejavu-core fonts-noto-cjk"

say() { printf 'MatStudio: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

system_packages() {
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 0
  local missing=() name
  for name in $packages; do
    # shellcheck disable=SC2086
    { dpkg-query -W -f='${Status}\n' ${name//|/ } 2>/dev/null || true; } | grep -q 'ok installed' || missing+=("${name%%|*}")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "these Debian packages are missing and there is no sudo: ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq || die "apt-get update failed"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >/dev/null || die "apt-get install failed"
}

find_python() {
  local name
  for name in "${MATSTUDIO_PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    [ -n "$name" ] && command -v "$name" >/dev/null || continue
    "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    command -v "$name"
    return 0
  done
  return 1
}

setup() {
  local extra=$1 python wanted stamp
  system_packages
  stamp=$venv/.set-up
  wanted=$(cat "$root/pyproject.toml" "$root/installer/constraints.txt" | sha256sum | cut -d' ' -f1)
  if grep -qx "$wanted dev" "$stamp" 2>/dev/null; then return 0; fi
  if [ -z "$extra" ] && grep -qx "$wanted " "$stamp" 2>/dev/null; then return 0; fi
  python=$(find_python) || die "Python 3.11 or newer with venv is needed"
  [ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null || "$python" -m venv --clear "$venv" \
    || die "cannot make $venv"
  say "installing Python packages into $venv (a few minutes the first time)"
  PYTHONWARNINGS=ignore "$venv/bin/python" -m pip install -q --disable-pip-version-check --use-pep517 -c "$root/installer/constraints.txt" \
    -e "$root${extra:+[$extra]}" || die "pip install failed"
  printf '%s %s\n' "$wanted" "$extra" >"$stamp"
}
