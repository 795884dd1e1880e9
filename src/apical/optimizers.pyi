from apical.plasticity.optimizers import *
