"""Answers questions from rollups where there are and from rows for the rest, all in one snapshot."""
