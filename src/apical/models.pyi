from apical.scripts.models import *
