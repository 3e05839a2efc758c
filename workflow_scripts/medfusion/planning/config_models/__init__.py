"""The configuration as typed models: every key of config.yaml with its type, its limits and what it is.

From them follow the checks of single values and of neighbours, schemas/config.schema.json for editors, and the table of
keys in the documentation.
"""
