"""Data sets and synthetic tasks: loading, checking, and input normalisation.

Imports `_base` only. To add a data set that is downloaded, give it a row in `registry.py` with its
address and SHA-256; to add one that is made, write a function in `tasks.py`. Another package names
its `Source` as an entry point of group ``apical.data_sources``.
"""
