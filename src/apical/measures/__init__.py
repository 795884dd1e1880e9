"""Measures of recorded activity: spike statistics, tuning, representation, learning, cost.

Imports `records` and below. To add a measure, write a function of records, responses or weights in
the module of its subject. For `apical analyze` to print it, add it to `tables.py`; for `--measure`,
add a `Measure` that calls it to `runs/measures.py`; another package names its `Measure` as an entry
point of group ``apical.measures``.
"""
