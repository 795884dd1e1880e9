"""References that local rules are held against: backpropagation through time, margin losses.

Imports `language` at most, and nothing of the laboratory imports it: a reference shares no code
with what it judges.
"""
