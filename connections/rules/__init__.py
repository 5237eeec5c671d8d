"""Rules of a connection, as plain functions on plain values: no Django, no clock, no I/O."""
