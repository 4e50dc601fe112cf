#!/bin/sh
# test_python.sh: the Python module, built as "pip install ." does, with tests/python. PYTHON: which one.
set -u
cd "$(dirname "$0")/.."
# Where python3 lacks something, the system's may have it: scripts/deps.sh installs that one's modules.
for python in ${PYTHON:-python3 /usr/bin/python3}; do
    lacks=
    for m in numpy cffi setuptools pip pytest; do "$python" -c "import $m" 2>/dev/null || lacks="$lacks $m"; done
    [ "$lacks" ] || break
done
if [ "$lacks" ]; then
    echo "# $python has no$lacks: skipped: the Python module"
    echo "ok nothing to do"
    exit 0
fi
to=$PWD/build/python
rm -rf "$to"
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
# Of a copy: setuptools leaves files beside the source.
mkdir -p "$source/examples/tool"
cp -r gamutmlp.h LICENSE README.md pyproject.toml setup.py MANIFEST.in python "$source/"
cp -r examples/tool/shell "$source/examples/tool/"
if ! "$python" -m pip install -q --no-build-isolation --no-deps --target "$to" "$source"; then
    echo "not ok pip install ."
    exit 1
fi
echo "ok pip install ."
TOOL=$PWD/build/gamutmlp PYTHONPATH=$to PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest -p no:cacheprovider -v --tb=short tests/python >"$source/log" 2>&1
status=$?
awk '/ PASSED/ { print "ok python: " $1 } / (FAILED|ERROR) / { print "not ok python: " $1 }' "$source/log"
[ $status = 0 ] || { sed 's/^/# /' "$source/log"; echo "not ok pytest"; }
if "$python" -c 'import mypy' 2>/dev/null; then
    if text=$("$python" -m mypy --strict --cache-dir="$source/cache" python/gamutmlp 2>&1); then echo "ok its types are sound"
    else
        echo "not ok its types are sound"
        printf '%s\n' "$text"
        status=1
    fi
else echo "# no mypy for $python: skipped: types"; fi
exit $status
