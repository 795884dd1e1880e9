"""Recordings of network activity: spike trains and signals as arrays with named axes and units.

Imports `devices` and below. To record another quantity, add a field to `Records`, with its axes and
unit; exporters and measures find it there.
"""

from apical.records.arrays import VERSION as VERSION
from apical.records.arrays import Records as Records
from apical.records.arrays import Signal as Signal
from apical.records.arrays import Spikes as Spikes
from apical.records.arrays import Units as Units
from apical.records.arrays import check_inside as check_inside
from apical.records.synapses import Synapses as Synapses
