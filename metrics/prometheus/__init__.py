"""Prometheus metrics: those of all processes that share a data folder, and samples of the moment.

Declared in fasthook/metrics/registry.py.
"""
