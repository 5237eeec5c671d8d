"""What a connection's rules mean, as plain functions on plain values: no Django, no clock, no I/O."""
