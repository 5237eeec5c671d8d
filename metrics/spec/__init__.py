"""What the metrics API can be asked, and what follows from counts: pure. How rows are counted: metrics.reading."""
