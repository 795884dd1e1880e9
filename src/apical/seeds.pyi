from apical._base.seeds import *
