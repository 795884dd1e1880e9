"""Populations: one file for each neuron model, and the encoders that turn stimuli into spikes.

Imports `plasticity` and below. To add a neuron model, derive a frozen dataclass from `Neurons` in a
file of its own: its equations as Brian2 text, the signals it offers. To add an encoder, derive one
from `Encoder` in `encoding.py`. Either is named in its registry, `POPULATIONS` or `ENCODERS`;
another package names its class as an entry point of group ``apical.populations`` or
``apical.encoders``.
"""
