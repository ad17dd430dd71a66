#!/usr/bin/env bash
# Usage: packaging/scripts/setup.sh run|dev|train
# Installs what is missing (system libraries, .venv, Python packages) and does nothing when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

profile=${1:-dev}
case "$profile" in
  run) lists=(run) extras=media enough=(run dev train) ;;
  dev) lists=(run dev) extras=dev enough=(dev train) ;;
  train) lists=(run dev) extras=dev,train enough=(train) ;;
  *) echo "usage: $0 run|dev|train" >&2; exit 2 ;;
esac
venv=.venv

say() { echo "==> $*"; }
die() { printf '\nerror: %s\n  why: %s\n  fix: %s\n' "$1" "$2" "$3" >&2; exit 1; }

# --- system libraries -------------------------------------------------------------------------------------------------
libraries=$({ ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null || true)

present() {
  local what=${1#*:}
  case "$1" in
    lib:*) grep -qF "	$what " <<<"$libraries" ;;
    cmd:*) command -v "$what" >/dev/null 2>&1 ;;
    file:*) compgen -G "$what" >/dev/null ;;
  esac
}

missing_packages() {
  local list package probe
  for list in "${lists[@]}"; do
    while read -r package probe; do
      [[ -z "$package" || "$package" == \#* ]] && continue
      # On Debian the pulseaudio package would push a running PipeWire out of the desktop.
      [[ "$package" == pulseaudio ]] && command -v pipewire-pulse >/dev/null 2>&1 && continue
      present "$probe" || echo "$package"
    done <"packaging/system/$list.txt"
  done
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

apt_install() {
  command -v apt-get >/dev/null 2>&1 ||
    die "Some system libraries are missing." "This system has no apt-get; by their Debian names they are: $*." \
      "Install them with your package manager and run this again."
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null 2>&1 ||
      die "Some system libraries are missing." "Installing them needs root, and sudo is not here." \
        "As root: apt-get install --no-install-recommends $*"
    say "sudo may now ask for your password, to install the packages named above"
  fi
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300) log
  log=$(mktemp)
  if ! as_root "${apt[@]}" update >"$log" 2>&1; then
    say "apt-get update reported a problem; going on with the lists that are here:"
    grep '^[EW]:' "$log" || true
  fi
  if ! as_root "${apt[@]}" install -y --no-install-recommends "$@" >"$log" 2>&1; then
    cat "$log" >&2
    die "apt-get could not install: $*." "Its own message stands above." "Repair that and run this again."
  fi
  rm -f "$log"
}

setup_system() {
  [[ $(uname -s) == Linux ]] || { say "System libraries: nothing to install on $(uname -s)"; return; }
  local missing
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} == 0)); then say "System libraries: all here"; return; fi
  say "System libraries: installing ${missing[*]}"
  apt_install "${missing[@]}"
  libraries=$({ ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null || true)
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) || die "Still missing after the installation: ${missing[*]}." \
    "The packages are installed, but what they should bring is not found." "Look at packaging/system/*.txt."
}

# A browser only checks how reports look; without one those tests are skipped and say so.
setup_browser() {
  [[ $profile != dev || $(uname -s) != Linux ]] && return
  local name
  for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null 2>&1 && return; done
  command -v apt-get >/dev/null 2>&1 || { say "Browser: none here, reports are not looked at in one"; return; }
  say "Browser: installing chromium, to look at reports in the tests"
  (apt_install chromium) || say "Browser: chromium could not be installed, reports are not looked at in one"
}

# --- Python -----------------------------------------------------------------------------------------------------------
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }

find_python() {
  local name
  for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if fits "$name"; then echo "$name"; return; fi
  done
  die "No suitable Python was found." "tmlapp needs Python 3.11, 3.12 or 3.13." \
    "Install one of them, or name it: make setup PYTHON=/path/to/python3.12"
}

make_venv() {
  if [[ -x $venv/bin/python ]] && fits "$venv/bin/python"; then return; fi
  local python
  python=$(find_python)
  if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    say "Python: its venv module is missing, installing python3-venv"
    apt_install python3-venv
  fi
  say "Python: making $venv with $("$python" -V)"
  rm -rf "$venv"
  "$python" -m venv "$venv"
}

setup_python() {
  make_venv
  local want other
  want=$({ pwd; cat pyproject.toml packaging/scripts/setup.sh; } | sha256sum | cut -d' ' -f1)
  for other in "${enough[@]}"; do
    if [[ -f $venv/.setup-$other && $(<"$venv/.setup-$other") == "$want" ]]; then
      say "Python packages: up to date"
      return
    fi
  done
  say "Python packages: installing tmlapp[$extras] into $venv (about 1 GB the first time)"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --progress-bar off --editable ".[$extras]" ||
    die "pip could not install the Python packages." "Its own message stands above." "Check the network and run this again."
  "$venv/bin/python" -m pip check --disable-pip-version-check >/dev/null || "$venv/bin/python" -m pip check
  echo "$want" >"$venv/.setup-$profile"
}

setup_system
setup_browser
setup_python
say "Ready: $("$venv/bin/python" -V), $venv/bin/tmlapp"
