"""Bulk operations: events that a filter picks are queued again or cancelled, or requests accepted again, in pages.

An operation is one row, planned over the API and run page by page by a bulk worker.
"""
