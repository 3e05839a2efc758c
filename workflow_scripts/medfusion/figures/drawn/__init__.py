"""What one job draws: `draw` reads the files that its arguments name, and returns figures by name, with their numbers.

Modules that take long to import are imported in `draw`, because a job that finds nothing changed does not draw.
"""
