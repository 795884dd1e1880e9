from apical.reference.bptt import *
