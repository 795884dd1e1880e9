"""Populations: one file for each neuron model, and the encoders that turn stimuli into spikes.

Imports `plasticity` and below. To add a neuron model, derive a final frozen dataclass from
`Population` in a file of its own: its equations as Brian2 text, written as in the paper with a
named fragment for each option (`apical.language.fragments`), the signals it offers, its role, and
those facts of `base.Population` to which the neutral answer is wrong. Nobody outside this folder
asks of which class a population is. Classes are abstract or final: no model edits the text of
another. To add an encoder, derive one from `Encoder` in `encoding.py`. Either is named in its
registry, `POPULATIONS` or `ENCODERS`; another package names its class as an entry point of group
``apical.populations`` or ``apical.encoders``.
"""

from apical.neurons.base import INFINITE as INFINITE
from apical.neurons.base import NeuronModel as NeuronModel
from apical.neurons.base import Neurons as Neurons
from apical.neurons.base import Population as Population
from apical.neurons.lif import LIF as LIF
from apical.neurons.stimulus import Stimulus as Stimulus
