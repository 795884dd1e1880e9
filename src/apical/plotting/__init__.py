"""Figures of recorded activity, learning and networks: matplotlib Axes in one style.

Figures are made without pyplot: no global state changes, nothing needs a display, and a notebook
shows ``axes.figure``. Every function takes ``ax=`` to draw into Axes of one's own.

Imports `measures` and below. To add a figure, write a function with ``@styled`` that takes ``ax=``
and returns the Axes, in the module of its subject, and import it here.
"""

from apical.plotting.comparing import angles as angles
from apical.plotting.comparing import comparison as comparison
from apical.plotting.connections import connections as connections
from apical.plotting.ecdfs import distributions as distributions
from apical.plotting.ecdfs import firing_rates as firing_rates
from apical.plotting.ecdfs import recording_comparison as recording_comparison
from apical.plotting.fields import receptive_fields as receptive_fields
from apical.plotting.graphs import network_graph as network_graph
from apical.plotting.landscapes import landscape as landscape
from apical.plotting.learning import learning_curve as learning_curve
from apical.plotting.learning import learning_curves as learning_curves
from apical.plotting.lines import curves as curves
from apical.plotting.lines import panels as panels
from apical.plotting.matrices import confusion_matrix as confusion_matrix
from apical.plotting.matrices import dissimilarities as dissimilarities
from apical.plotting.matrices import dissimilarity as dissimilarity
from apical.plotting.matrices import similarity as similarity
from apical.plotting.membranes import traces as traces
from apical.plotting.normality import normality as normality
from apical.plotting.predicted import predictions as predictions
from apical.plotting.rasters import raster as raster
from apical.plotting.rasters import raster_of as raster_of
from apical.plotting.rasters import raster_pair as raster_pair
from apical.plotting.recordings import TITLES as TITLES
from apical.plotting.recordings import beside_recording as beside_recording
from apical.plotting.seeds import every_seed as every_seed
from apical.plotting.signals import signal_graph as signal_graph
from apical.plotting.style import PALETTE as PALETTE
from apical.plotting.style import STYLE as STYLE
from apical.plotting.style import as_png as as_png
from apical.plotting.style import as_svg as as_svg
from apical.plotting.style import save as save
from apical.plotting.timelines import timeline as timeline
