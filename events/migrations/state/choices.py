"""Choices as migrations spell them out."""


def values(*names):
    return [(name, name) for name in names]


def titles(*names):
    return [(name, name.title()) for name in names]
