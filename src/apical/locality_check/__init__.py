"""The dynamic locality check: disturb one thing, and see whose weight updates change.

Imports `devices` and below. To add a disturbance, write it in `signals.py` or `synapses.py`: what
is changed, and who may notice.
"""
