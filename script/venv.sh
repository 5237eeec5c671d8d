# Sourced by the other scripts: a virtual environment in .venv that holds exactly the pinned packages.
#
#   ensure_venv runtime     requirements.txt
#   ensure_venv dev         requirements-dev.txt, which includes it
#
# Written for sh. Uses nothing but a Python and the usual small tools, and says which one is missing.

fail() {
  printf 'fasthook: %s\n' "$*" >&2
  exit 1
}

# Prefer the version that the pins were tested with.
find_python() {
  without_venv=
  for candidate in "${PYTHON:-python3.11}" python3.11 python3.12 python3.13 python3.14 python3; do
    found=$(command -v "$candidate" 2>/dev/null) || continue
    "$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    if "$found" -c 'import ensurepip, venv' 2>/dev/null; then
      printf '%s\n' "$found"
      return 0
    fi
    without_venv=$found
  done
  if [ -n "$without_venv" ]; then
    fail "$without_venv has no venv module. On Debian and Ubuntu: apt-get install python3-venv (or python3.11-venv)."
  fi
  fail "Python 3.11 or newer is needed and none was found on PATH. Install one, or name it: PYTHON=/path/to/python3.11"
}

# Changes when the pins, the interpreter or the place of the checkout change.
venv_fingerprint() {
  { pwd -P; "$1" -c 'import sys; print(sys.version, sys.base_prefix)'
    if [ "$2" = dev ]; then cat requirements.txt requirements-dev.txt constraints.txt
    else cat requirements.txt constraints.txt; fi; } | cksum
}

stamp_matches() {
  [ -x .venv/bin/python ] && [ -f ".venv/.installed-$1" ] &&
    [ "$(cat ".venv/.installed-$1")" = "$(venv_fingerprint .venv/bin/python "$1" 2>/dev/null)" ]
}

check_disk() {
  free_kb=$(df -Pk . | awk 'NR == 2 {print $4}')
  if [ "${free_kb:-0}" -lt 900000 ]; then
    fail "only $((free_kb / 1024)) MB are free on this disk; the packages and a first database need about 900 MB."
  fi
}

create_venv() {
  python=$(find_python) || exit 1
  printf 'fasthook: making .venv with %s\n' "$python"
  rm -rf .venv
  if ! "$python" -m venv .venv; then
    rm -rf .venv
    fail "'$python -m venv .venv' failed, see above. On Debian and Ubuntu: apt-get install python3-venv."
  fi
  pwd -P > .venv/.made-in
}

install_packages() {
  requirements=requirements.txt
  if [ "$1" = dev ]; then requirements=requirements-dev.txt; fi
  check_disk
  # A marker that outlives this function means that an install was cut short: then begin from nothing.
  if [ -e .venv/.installing ] || [ "$(cat .venv/.made-in 2>/dev/null)" != "$(pwd -P)" ] ||
    ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    create_venv
  fi
  : > .venv/.installing
  rm -f .venv/.installed-*
  printf 'fasthook: installing %s into .venv (a minute or two the first time)\n' "$requirements"
  if ! .venv/bin/python -m pip install --disable-pip-version-check --no-input -r "$requirements" -c constraints.txt; then
    fail "pip could not install $requirements, see above. Run this again when it is mended; it resumes."
  fi
  venv_fingerprint .venv/bin/python "$1" > ".venv/.installed-$1"
  if [ "$1" = dev ]; then venv_fingerprint .venv/bin/python runtime > .venv/.installed-runtime; fi
  rm -f .venv/.installing
}

ensure_venv() {
  if stamp_matches "$1"; then return 0; fi
  mkdir -p .data
  # Two scripts started together in a fresh clone: the second waits and then finds the work done.
  if command -v flock >/dev/null 2>&1; then
    (flock 9 && { stamp_matches "$1" || install_packages "$1"; }) 9> .data/venv.lock || exit 1
  else
    install_packages "$1" || exit 1
  fi
}
