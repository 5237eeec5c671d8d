"""Breaks an installation of its own under load and keeps accounts: `./script/crash`, `python -m bench.crash`."""
