"""Figures: arrays in, matplotlib Axes out, in one calm style.

Figures are made without pyplot: no global state changes, nothing needs a display, and a notebook
shows ``axes.figure``. Every function takes ``ax=`` to draw into Axes of one's own.
"""

from apical.plotting.comparing import comparison as comparison
from apical.plotting.ecdfs import firing_rates as firing_rates
from apical.plotting.fields import receptive_fields as receptive_fields
from apical.plotting.learning import learning_curve as learning_curve
from apical.plotting.lines import curves as curves
from apical.plotting.lines import panels as panels
from apical.plotting.matrices import confusion_matrix as confusion_matrix
from apical.plotting.rasters import raster as raster
from apical.plotting.rasters import raster_pair as raster_pair
from apical.plotting.style import PALETTE as PALETTE
from apical.plotting.style import STYLE as STYLE
from apical.plotting.style import as_png as as_png
from apical.plotting.style import save as save
