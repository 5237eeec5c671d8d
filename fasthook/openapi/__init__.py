"""The OpenAPI description at /v1/schema: what holds for every route is said here once, so that a new route has it too.

What is particular to a route (its body, its answer, its filters) stands at its view, with `extend_schema`.
"""
