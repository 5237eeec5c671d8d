"""Backtests: a connection's rules, as they might become, replayed against requests of the past.

A backtest is one row, planned over the API and run page by page by a bulk worker. Nothing else is written, nothing is
sent.
"""
