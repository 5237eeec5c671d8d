"""Transformations as a resource: kept, changed, tried out. Running them over events is routing's, by the sandbox."""
