"""Everything on one machine under one process: `python -m local.supervisor`, which is what `./script/up` runs."""
