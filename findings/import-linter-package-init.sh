#!/bin/sh
# Guess:  a contract that forbids a framework to a module fails when the module's package imports that framework in its
#         __init__.py, since importing the module runs that file first.
# Seen:   with import-linter 2.16 (grimp 3.19) the contract is kept: only the module's own imports, and theirs, are edges of
#         the graph; the parent package is none. A pure module is pure only in a package whose __init__.py is, too.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check import-linter==2.16 grimp==3.19
mkdir -p "$folder/shop/prices"
: > "$folder/shop/__init__.py"
echo 'import framework' > "$folder/shop/prices/__init__.py"
echo 'VAT = 19' > "$folder/shop/prices/rates.py"
cat > "$folder/.importlinter" <<'CONTRACT'
[importlinter]
root_package = shop
include_external_packages = True

[importlinter:contract:module]
name = The rates know no framework
type = forbidden
source_modules = shop.prices.rates
forbidden_modules = framework

[importlinter:contract:package]
name = The prices know no framework
type = forbidden
source_modules = shop.prices
forbidden_modules = framework
CONTRACT
cd "$folder"
printed=$(PYTHONPATH=. NO_COLOR=1 venv/bin/lint-imports 2>&1 || true)
printf '%s\n' "$printed" | grep -E 'KEPT|BROKEN'
# What is seen at run time: the module cannot be imported without the framework.
if PYTHONPATH=. venv/bin/python -c 'import shop.prices.rates' 2> "$folder/error"; then
  echo 'the module was imported without the framework' >&2
  exit 1
fi
grep -o "No module named 'framework'" "$folder/error"
printf '%s\n' "$printed" | grep -q 'The rates know no framework KEPT'
printf '%s\n' "$printed" | grep -q 'The prices know no framework BROKEN'
