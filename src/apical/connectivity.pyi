from apical.projections.connectivity import *
