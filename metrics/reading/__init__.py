"""Reading of metrics: from rollups where there are some and from rows for the rest, all in one snapshot."""
