"""The support staff's site: Django's admin with one box that finds anything by its id, within bounds of time."""
