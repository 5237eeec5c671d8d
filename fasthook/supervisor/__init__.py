"""Everything on one machine under one process: `python -m fasthook.supervisor`, which is what `./script/up` runs."""
