"""A team's whole route shape as one document: exported, compared, applied. What is secret stays out of it."""
