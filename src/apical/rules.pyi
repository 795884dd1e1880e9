from apical.plasticity.rules import *
