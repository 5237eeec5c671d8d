"""Calls that are refused, each with status, code and whole text of the answer. `test_refusals.py` makes them."""
