"""The trace of a request: one timeline of what came in, what each branch made of it, and what is still to come."""
