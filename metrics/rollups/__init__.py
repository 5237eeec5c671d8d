"""Rollups of evidence by minute and hour, kept equal to the rows: docs/decisions/0023."""
