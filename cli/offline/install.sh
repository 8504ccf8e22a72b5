#!/bin/sh
# Install perdure from this folder, without a network: sh install.sh [DIR]
# DIR, by default perdure/ in your home, gets a Python environment of its own; nothing outside of it is changed.
set -eu
cd "$(dirname "$0")"
target=${1:-$HOME/perdure}
wanted=@PYTHON@

if ! sha256sum --quiet --check SHA256SUMS; then
    echo "install.sh: error: a file is not as it was made: copy the archive again, and compare its SHA-256 with the published one" >&2
    exit 1
fi

python=
for candidate in "${PYTHON:-python$wanted}" python3 python; do
    if "$candidate" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$wanted')" 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "install.sh: error: no Python $wanted with the modules venv and ensurepip; this archive is for that version only" >&2
    echo "install.sh: hint: install it from your system's own packages, or name it: PYTHON=/path/to/python$wanted sh install.sh" >&2
    exit 2
fi
if [ "$(uname -sm)" != "@SYSTEM@" ]; then
    echo "install.sh: error: this archive is for @SYSTEM@, and this machine is $(uname -sm)" >&2
    exit 2
fi

"$python" -m venv "$target"
"$target/bin/pip" install --quiet --disable-pip-version-check --no-index --find-links wheels --no-deps --require-hashes \
    --requirement requirements.txt
"$target/bin/pip" --disable-pip-version-check check >/dev/null
"$target/bin/perdure" --version
echo "installed: $target/bin/perdure" >&2
echo "next: add $target/bin to your PATH" >&2
