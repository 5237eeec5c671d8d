"""The supervisor: everything on one machine under one process, `python -m local.supervisor`, run by `./script/up`."""
