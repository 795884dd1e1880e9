"""Independent references for local rules: backpropagation through time (BPTT), margin losses.

Imports `language` at most, and nothing of the laboratory imports it: a reference shares no code
with what it is compared with. To add one, write it in plain NumPy from the equations of its paper,
in a module of its own.
"""
