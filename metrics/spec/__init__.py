"""The metrics API's questions, and answers from counts: pure. Rows are counted in metrics.reading."""
